namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Net.Http;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

/// <summary>How the events of a stream are read, and which of them ends it.</summary>
/// <param name="Read">An event's data as its type.</param>
/// <param name="Done">A <c>data:</c> that is the end mark, for example <c>[DONE]</c>; empty for none.</param>
/// <param name="LastEvents">Names of events after which no other comes.</param>
/// <param name="Fold">The rule by which the events add up to the whole answer; empty: they do not.</param>
internal sealed record StreamShape<T>(Func<JsonElement, T> Read, string Done, IReadOnlyCollection<string> LastEvents, string Fold = "")
{
    /// <summary>Whether events are of several types, each under its name.</summary>
    public bool IsUnion { get; init; }
}

/// <summary>An answer that comes piece by piece: <c>await foreach</c> once, and dispose.</summary>
/// <remarks>Ending the loop early or disposing the stream ends the call; it is billed for what had been made. A stream
/// is never begun anew by itself.</remarks>
/// <typeparam name="T">An event.</typeparam>
public class EventStream<T> : IAsyncEnumerable<T>, IAsyncDisposable, IDisposable
{
    private const int MostUnknown = 100;

    private readonly HttpResponseMessage _response;
    private readonly StreamShape<T> _shape;
    private readonly TimeSpan? _idle;
    private readonly IFold? _fold;
    private readonly CancellationToken _cancellation;
    private readonly List<(string Name, JsonElement Data)> _unknown = new();
    private int _isRead;

    internal EventStream(
        HttpResponseMessage response, StreamShape<T> shape, GatewayInfo gateway, TimeSpan? idle, CancellationToken cancellation)
    {
        _response = response;
        _shape = shape;
        _idle = idle;
        _fold = Folding.Of(shape.Fold);
        _cancellation = cancellation;
        Gateway = gateway;
    }

    /// <summary>What the gateway says about the answer; its cost is there at the end.</summary>
    public GatewayInfo Gateway { get; private set; }

    /// <summary>How many events have come.</summary>
    public int Received { get; private set; }

    /// <summary>Events of a name that the stream's type has no place for, at most 100. A stream of several types has them
    /// among its events.</summary>
    public IReadOnlyList<(string Name, JsonElement Data)> Unknown => _unknown;

    /// <summary>The answer as HTTP has it.</summary>
    public HttpResponseMessage Response => _response;

    /// <summary>The whole answer as far as it has come; null where the events do not add up to one.</summary>
    public JsonElement? Partial => _fold?.Whole();

    private protected bool IsRead => Volatile.Read(ref _isRead) == 1;

    /// <inheritdoc/>
    public async IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _isRead, 1) == 1)
            throw new InvalidOperationException("A stream can be read once.");
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(_cancellation, cancellationToken);
        using var body = new IdleReader(_response, _idle);
        var stream = await body.Open(linked.Token).ConfigureAwait(false);
        var events = new SseReader(stream, body.Read) { OnComment = Comment }.Events(linked.Token);
        var isComplete = false;
        await using var each = events.GetAsyncEnumerator(linked.Token);
        try
        {
            while (await Move(each, linked.Token).ConfigureAwait(false))
            {
                var found = each.Current;
                if (IsDone(found.Data.Span))
                {
                    isComplete = true;
                    break;
                }
                var value = Decode(found, out var type, out var isKnown);
                if (!isKnown) continue;
                Received++;
                isComplete = Contains(type);
                yield return value;
                if (isComplete) break;
            }
        }
        finally
        {
            _response.Dispose();
        }
        if (!isComplete) throw Interrupted(null);
    }

    /// <inheritdoc/>
    public void Dispose() => _response.Dispose();

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _response.Dispose();
        return default;
    }

    private async ValueTask<bool> Move(IAsyncEnumerator<ServerEvent> each, CancellationToken cancellation)
    {
        try
        {
            return await each.MoveNextAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested)
        {
            throw Interrupted(error);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new OperationCanceledException("The stream was cancelled.", error, cancellation);
        }
    }

    private T Decode(ServerEvent found, out string type, out bool isKnown)
    {
        isKnown = true;
        JsonElement root;
        try
        {
            root = JsonDocument.Parse(found.Data.ToArray()).RootElement;
        }
        catch (JsonException error)
        {
            throw Interrupted(error);
        }
        type = found.Name;
        if (root.ValueKind == JsonValueKind.Object)
        {
            if (type.Length == 0 && root.TryGetProperty("type", out var said) && said.ValueKind == JsonValueKind.String)
                type = said.GetString()!;
            if (type == "error" || IsError(root)) throw Failed(root);
        }
        if (!_shape.IsUnion && found.Name is not ("" or "message"))
        {
            // Events of one type have no names: this is one that the stream has no place for.
            if (_unknown.Count < MostUnknown) _unknown.Add((found.Name, root));
            isKnown = false;
            return default!;
        }
        _fold?.Add(root);
        try
        {
            return _shape.Read(root);
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException or KeyNotFoundException or JsonException)
        {
            throw new DecodeException($"An event is not what the API's document says: {error.Message}", error) { Gateway = Gateway };
        }
    }

    private static bool IsError(JsonElement root) =>
        root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object
        && !root.TryGetProperty("choices", out _) && !root.TryGetProperty("response", out _);

    private StreamInterruptedException Failed(JsonElement root)
    {
        var body = ErrorBody.Of((int)_response.StatusCode, System.Text.Encoding.UTF8.GetBytes(root.GetRawText()));
        return new(body.Text, Received) { Gateway = Gateway, Code = body.Code ?? body.Type, Partial = Partial };
    }

    private bool IsDone(ReadOnlySpan<byte> data)
    {
        var done = _shape.Done;
        if (done.Length == 0 || data.Length != done.Length) return false;
        for (var at = 0; at < done.Length; at++)
        {
            if (data[at] != done[at]) return false;
        }
        return true;
    }

    private bool Contains(string type)
    {
        foreach (var last in _shape.LastEvents)
        {
            if (last == type) return true;
        }
        return false;
    }

    // ": gateway {"cost": "0.0012", "request_id": "…"}" before the end mark.
    private void Comment(string text)
    {
        if (!text.StartsWith("gateway {", StringComparison.Ordinal)) return;
        try
        {
            using var document = JsonDocument.Parse(text.Substring("gateway ".Length));
            if (document.RootElement.TryGetProperty("cost", out var cost) && cost.ValueKind == JsonValueKind.String)
                Gateway = Gateway with { Cost = GatewayInfo.Amount(cost.GetString()), CostText = cost.GetString() };
        }
        catch (JsonException)
        {
            // A comment of somebody else's.
        }
    }

    private StreamInterruptedException Interrupted(Exception? cause) =>
        new($"The stream ended early, after {Received} events.", Received, cause) { Gateway = Gateway, Partial = Partial };
}

/// <summary>A stream whose events add up to the answer that the call without events gives.</summary>
/// <typeparam name="T">An event.</typeparam>
/// <typeparam name="TWhole">The whole answer.</typeparam>
public sealed class EventStream<T, TWhole> : EventStream<T>
    where TWhole : JsonView
{
    private readonly Func<JsonElement, TWhole> _whole;

    internal EventStream(
        HttpResponseMessage response, StreamShape<T> shape, GatewayInfo gateway, TimeSpan? idle,
        Func<JsonElement, TWhole> whole, CancellationToken cancellation)
        : base(response, shape, gateway, idle, cancellation) => _whole = whole;

    /// <summary>The whole answer as far as it has come; null before it has begun.</summary>
    public new TWhole? Partial => base.Partial is { } raw ? Of(raw) : null;

    /// <summary>Reads to the end.</summary>
    public async Task<TWhole> ResultAsync(CancellationToken cancellation = default)
    {
        if (!IsRead)
        {
            await foreach (var each in this.WithCancellation(cancellation).ConfigureAwait(false))
            {
            }
        }
        return Partial ?? throw new StreamInterruptedException("The stream had no event.", 0) { Gateway = Gateway };
    }

    private TWhole Of(JsonElement raw)
    {
        var whole = _whole(raw);
        whole.Gateway = Gateway;
        return whole;
    }
}
