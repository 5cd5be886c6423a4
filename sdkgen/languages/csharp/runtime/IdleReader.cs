namespace LlmGateway;

using System;
using System.IO;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

/// <summary>Reads an answer's body, and gives up when it falls silent.</summary>
/// <remarks>One timer serves all reads. Where a platform's stream ignores cancellation, closing the answer ends the read.</remarks>
internal sealed class IdleReader : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly TimeSpan? _idle;
    private readonly Timer? _timer;
    private volatile bool _isSilent;

    public IdleReader(HttpResponseMessage response, TimeSpan? idle)
    {
        _response = response;
        _idle = idle;
        if (idle is not null)
        {
            _timer = new Timer(_ =>
            {
                _isSilent = true;
                _response.Dispose();
            });
        }
    }

    public async Task<Stream> Open(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return await _response.Content.ReadAsStreamAsync().ConfigureAwait(false);
    }

    public async Task<int> Read(Stream stream, byte[] buffer, int offset, int count, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        _timer?.Change(_idle!.Value, Timeout.InfiniteTimeSpan);
        try
        {
            int read;
            using (cancellation.Register(Close, _response))
                read = await stream.ReadAsync(buffer, offset, count, cancellation).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
            // A stream that was closed under the read may say that it is over.
            return _isSilent ? throw new TimedOutException(TimeoutPhase.Idle, _idle!.Value) : read;
        }
        catch (Exception error) when (_isSilent && error is not TimedOutException)
        {
            throw new TimedOutException(TimeoutPhase.Idle, _idle!.Value, error);
        }
        catch (Exception error) when (cancellation.IsCancellationRequested && error is not OperationCanceledException)
        {
            throw new OperationCanceledException("The call was cancelled.", error, cancellation);
        }
        finally
        {
            _timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public async Task<byte[]> ReadAll(CancellationToken cancellation)
    {
        var stream = await Open(cancellation).ConfigureAwait(false);
        using var kept = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int count;
        while ((count = await Read(stream, buffer, 0, buffer.Length, cancellation).ConfigureAwait(false)) > 0)
            kept.Write(buffer, 0, count);
        return kept.ToArray();
    }

    public void Dispose() => _timer?.Dispose();

    private static void Close(object? response) => ((HttpResponseMessage)response!).Dispose();
}
