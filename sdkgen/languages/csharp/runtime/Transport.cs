namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

/// <summary>Who a call is made as.</summary>
internal enum KeyKind
{
    /// <summary>A virtual key.</summary>
    Virtual,

    /// <summary>A key of the management API.</summary>
    Management,

    /// <summary>Nobody.</summary>
    None,
}

/// <summary>One call, as a resource states it.</summary>
internal sealed record ApiCall(HttpMethod Method, string Path)
{
    /// <summary>Makes the body anew for each time it is sent; null for none.</summary>
    public Func<HttpContent>? Body { get; init; }

    /// <summary>Query parameters in order; a name may come twice.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Query { get; init; } = Array.Empty<KeyValuePair<string, string>>();

    /// <summary>Headers that the operation itself sends.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>Whether the gateway keeps an answer by its idempotency key, so that sending twice makes one call.</summary>
    public bool IsKeyed { get; init; }

    /// <summary>Which key is sent.</summary>
    public KeyKind Key { get; init; }

    /// <summary>What the answer is.</summary>
    public string Accept { get; init; } = "application/json";
}

/// <summary>A whole answer with what came beside it.</summary>
/// <param name="Value">The answer.</param>
/// <param name="Gateway">What the gateway says about it.</param>
/// <param name="Status">HTTP status.</param>
/// <param name="Headers">Its headers, each with its values.</param>
/// <param name="Body">Its bytes as they came.</param>
public sealed record RawResponse<T>(
    T Value, GatewayInfo Gateway, int Status, IReadOnlyDictionary<string, IReadOnlyList<string>> Headers, ReadOnlyMemory<byte> Body);

internal static class BinaryAnswers
{
    public static BinaryAnswer Of(RawResponse<ReadOnlyMemory<byte>> answer) => new(
        answer.Body, First(answer, "Content-Type"), FileName(First(answer, "Content-Disposition")), answer.Gateway);

    private static string? First(RawResponse<ReadOnlyMemory<byte>> answer, string name) =>
        answer.Headers.TryGetValue(name, out var values) && values.Count > 0 ? values[0] : null;

    private static string? FileName(string? disposition) =>
        ContentDispositionHeaderValue.TryParse(disposition, out var parsed)
            ? (parsed.FileNameStar ?? parsed.FileName)?.Trim('"') : null;
}

/// <summary>Sends calls: connections, headers, time-outs, retries, errors.</summary>
internal sealed class Transport : IDisposable
{
    private static readonly Encoding Latin1 = Encoding.GetEncoding("iso-8859-1");

    private readonly ClientOptions _options;
    private readonly HttpClient _http;
    private readonly string _root;
    private readonly string? _telemetry;

#if !NET5_0_OR_GREATER
    static Transport() => AppContext.SetSwitch("System.Net.Http.SocketsHttpHandler.AllowLatin1Headers", true);
#endif

    public Transport(ClientOptions options)
    {
        _options = options;
        Configuration.Check(options);
        _root = Configuration.Root(options);
        _telemetry = Configuration.SendsTelemetry(options) ? Telemetry.Header : null;
        _http = new HttpClient(options.Handler ?? Handler(options), disposeHandler: options.Handler is null)
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Sends a call and reads its answer.</summary>
    public async Task<RawResponse<T>> Send<T>(
        ApiCall call, Func<ReadOnlyMemory<byte>, T> read, RequestOptions? options, CancellationToken cancellation)
    {
        var timeouts = options?.Timeouts ?? _options.Timeouts;
        using var deadline = new Deadline(timeouts.Total, cancellation);
        using var sent = await Begin(call, options, timeouts, deadline, isWhole: true).ConfigureAwait(false);
        var bytes = sent.Bytes;
        try
        {
            return new(read(bytes), sent.Gateway, (int)sent.Response.StatusCode, All(sent.Response), bytes);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new DecodeException($"The answer is not what the API's document says: {error.Message}", error)
            {
                Gateway = sent.Gateway,
            };
        }
    }

    /// <summary>Sends a call whose answer comes piece by piece.</summary>
    public async Task<EventStream<T>> Stream<T>(
        ApiCall call, StreamShape<T> shape, RequestOptions? options, CancellationToken cancellation)
    {
        var (sent, idle) = await Opened(call, options, cancellation).ConfigureAwait(false);
        return new(sent.Response, shape, sent.Gateway, idle, cancellation);
    }

    /// <summary>The same, where the pieces add up to a whole answer.</summary>
    public async Task<EventStream<T, TWhole>> Stream<T, TWhole>(
        ApiCall call, StreamShape<T> shape, Func<JsonElement, TWhole> whole, RequestOptions? options, CancellationToken cancellation)
        where TWhole : JsonView
    {
        var (sent, idle) = await Opened(call, options, cancellation).ConfigureAwait(false);
        return new(sent.Response, shape, sent.Gateway, idle, whole, cancellation);
    }

    // The limit in total ends with the wait for the stream: what follows is bounded by silence.
    private async Task<(Sent Sent, TimeSpan? Idle)> Opened(ApiCall call, RequestOptions? options, CancellationToken cancellation)
    {
        var timeouts = options?.Timeouts ?? _options.Timeouts;
        using var deadline = new Deadline(timeouts.Total, cancellation);
        call = call with { Accept = "text/event-stream" };
        return (await Begin(call, options, timeouts, deadline, isWhole: false).ConfigureAwait(false), timeouts.Idle);
    }

    // An answer that is cut off is asked for again where that is allowed; a stream that has begun never is.
    private async Task<Sent> Begin(ApiCall call, RequestOptions? options, Timeouts timeouts, Deadline deadline, bool isWhole)
    {
        var retries = options?.MaxRetries ?? _options.MaxRetries;
        var key = options?.IdempotencyKey ?? (call.IsKeyed ? Guid.NewGuid().ToString() : null);
        var isRepeatable = key is not null || Retry.IsSafe(call.Method);
        for (var attempt = 0; ; attempt++)
        {
            var request = Build(call, options, key, attempt);
            var clock = Stopwatch.StartNew();
            HttpResponseMessage? response = null;
            GatewayException failure;
            TimeSpan? delay;
            try
            {
                response = await FirstByte(request, timeouts, deadline).ConfigureAwait(false);
                var gateway = GatewayInfo.Of(response, attempt);
                Tell("answer", request, response, attempt, clock.Elapsed);
                if (response.IsSuccessStatusCode && !isWhole) return new(response, gateway, Array.Empty<byte>());
                var body = await Body(response, timeouts, deadline, gateway).ConfigureAwait(false);
                if (response.IsSuccessStatusCode) return new(response, gateway, body);
                var said = ErrorBody.Of(response, body, gateway, DateTimeOffset.UtcNow);
                failure = ApiException.Of(said);
                delay = attempt < retries && Retry.IsWorthwhile(response, said.Code, isRepeatable)
                    ? Retry.Delay(response, attempt, _options, DateTimeOffset.UtcNow) : null;
            }
            catch (ConnectionFailedException error)
            {
                Tell($"failure: {error.Message}", request, response, attempt, clock.Elapsed);
                failure = error;
                delay = attempt < retries && !deadline.IsOver && (isRepeatable || Retry.WasNotSent(error))
                    ? Retry.Delay(null, attempt, _options, DateTimeOffset.UtcNow) : null;
            }
            request.Dispose();
            response?.Dispose();
            if (delay is not { } wait || deadline.Remaining <= wait) throw failure;
            await _options.Wait(wait, deadline.Caller).ConfigureAwait(false);
        }
    }

    private async Task<HttpResponseMessage> FirstByte(HttpRequestMessage request, Timeouts timeouts, Deadline deadline)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        if (timeouts.FirstByte is { } limit) limited.CancelAfter(limit);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limited.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException error)
        {
            deadline.Caller.ThrowIfCancellationRequested();
            if (deadline.IsOver) throw new TimedOutException(TimeoutPhase.Total, timeouts.Total!.Value, error);
            if (limited.IsCancellationRequested)
                throw new TimedOutException(TimeoutPhase.FirstByte, timeouts.FirstByte!.Value, error);
            throw new ConnectionFailedException("No connection to the gateway in time.", error);
        }
        catch (HttpRequestException error)
        {
            throw new ConnectionFailedException($"The gateway could not be reached: {error.InnerException?.Message ?? error.Message}", error);
        }
    }

    private static async Task<byte[]> Body(HttpResponseMessage response, Timeouts timeouts, Deadline deadline, GatewayInfo gateway)
    {
        using var reader = new IdleReader(response, timeouts.Idle);
        try
        {
            return await reader.ReadAll(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException error)
        {
            deadline.Caller.ThrowIfCancellationRequested();
            throw new TimedOutException(TimeoutPhase.Total, timeouts.Total!.Value, error) { Gateway = gateway };
        }
        catch (Exception error) when (error is HttpRequestException or System.IO.IOException)
        {
            throw new ConnectionFailedException($"The connection was lost within the answer: {error.Message}", error) { Gateway = gateway };
        }
    }

    private HttpRequestMessage Build(ApiCall call, RequestOptions? options, string? key, int attempt)
    {
        var request = new HttpRequestMessage(call.Method, Address(call, options));
        if (call.Body is not null) request.Content = call.Body();
        var headers = request.Headers;
        if (call.Key != KeyKind.None)
            headers.Authorization = new AuthenticationHeaderValue("Bearer", Configuration.Key(_options, call.Key));
        headers.TryAddWithoutValidation("Accept", call.Accept);
        headers.TryAddWithoutValidation("User-Agent", Telemetry.UserAgent);
        if (key is not null) headers.TryAddWithoutValidation("Idempotency-Key", key);
        if (_telemetry is not null) headers.TryAddWithoutValidation("X-Gateway-SDK", $"{_telemetry}; try={attempt}");
        if (options?.EndUser is { } user) headers.TryAddWithoutValidation("X-Gateway-End-User", Wire(user));
        if (options?.Cache is { } cache) headers.TryAddWithoutValidation("X-Gateway-Cache", cache);
        if (options?.Route is { } route) headers.TryAddWithoutValidation("X-Gateway-Route", route);
        var organization = options?.Organization ?? (call.Key == KeyKind.Management ? Configuration.Organization(_options) : null);
        if (organization is not null) headers.TryAddWithoutValidation("X-Organization", organization);
        if (options?.Tags is { Count: > 0 } tags) headers.TryAddWithoutValidation("X-Gateway-Tags", Wire(Join(tags)));
        Set(headers, call.Headers);
        Set(headers, _options.Headers);
        Set(headers, options?.Headers);
        Tell("request", request, null, attempt, TimeSpan.Zero);
        return request;
    }

    private Uri Address(ApiCall call, RequestOptions? options)
    {
        var address = new StringBuilder(_root).Append(call.Path);
        var separator = '?';
        foreach (var pair in call.Query)
        {
            address.Append(separator).Append(Uri.EscapeDataString(pair.Key)).Append('=').Append(Uri.EscapeDataString(pair.Value));
            separator = '&';
        }
        if (options?.Query is not null)
        {
            foreach (var pair in options.Query)
            {
                address.Append(separator).Append(Uri.EscapeDataString(pair.Key)).Append('=').Append(Uri.EscapeDataString(pair.Value));
                separator = '&';
            }
        }
        return new Uri(address.ToString());
    }

    private static void Set(HttpRequestHeaders headers, IReadOnlyDictionary<string, string>? added)
    {
        if (added is null) return;
        foreach (var pair in added)
        {
            if (pair.Key.IndexOfAny(new[] { '\r', '\n', ':' }) >= 0 || pair.Value.IndexOfAny(new[] { '\r', '\n' }) >= 0)
                throw new ConfigurationException($"The header {pair.Key} holds characters that no header may hold.");
            headers.Remove(pair.Key);
            headers.TryAddWithoutValidation(pair.Key, Wire(pair.Value));
        }
    }

    // A header is bytes, which .NET writes as Latin-1 when it is allowed to: UTF-8 is spelled in those.
    private static string Wire(string value)
    {
        if (value.IndexOfAny(new[] { '\r', '\n' }) >= 0) throw new ConfigurationException("A header holds a line break.");
        foreach (var each in value)
        {
            if (each > '~') return Latin1.GetString(Encoding.UTF8.GetBytes(value));
        }
        return value;
    }

    private static string Join(IReadOnlyDictionary<string, string> tags)
    {
        var parts = new List<string>();
        foreach (var pair in tags)
        {
            if (pair.Key.IndexOfAny(new[] { ',', '=' }) >= 0 || pair.Value.IndexOf(',') >= 0)
                throw new ConfigurationException($"The tag {pair.Key} holds a comma or an equals sign.");
            parts.Add(pair.Key + "=" + pair.Value);
        }
        return string.Join(",", parts);
    }

    private void Tell(string message, HttpRequestMessage request, HttpResponseMessage? response, int attempt, TimeSpan elapsed)
    {
        if (_options.Log is not { } log) return;
        log(new LogEntry(
            message, request.Method.Method, Redaction.Url(request.RequestUri!), (int?)response?.StatusCode, attempt, elapsed,
            response is null ? null : GatewayInfo.Header(response, "X-Request-ID"), Redaction.Headers(request)));
    }

    private static IReadOnlyDictionary<string, IReadOnlyList<string>> All(HttpResponseMessage response)
    {
        var all = new Dictionary<string, IReadOnlyList<string>>(StringComparer.OrdinalIgnoreCase);
        foreach (var header in response.Headers) all[header.Key] = new List<string>(header.Value);
        foreach (var header in response.Content.Headers) all[header.Key] = new List<string>(header.Value);
        return all;
    }

    private static HttpMessageHandler Handler(ClientOptions options)
    {
#if NETCOREAPP
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.GZip | DecompressionMethods.Deflate,
            UseCookies = false,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            MaxConnectionsPerServer = int.MaxValue,
        };
        if (options.Timeouts.Connect is { } limit) handler.ConnectTimeout = limit;
#if NET5_0_OR_GREATER
        handler.RequestHeaderEncodingSelector = (_, _) => Latin1;
#endif
#else
        var handler = new HttpClientHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.GZip | DecompressionMethods.Deflate,
            UseCookies = false,
        };
#endif
        if (options.Proxy is not null)
        {
            handler.Proxy = options.Proxy;
            handler.UseProxy = true;
        }
        return handler;
    }

    private sealed record Sent(HttpResponseMessage Response, GatewayInfo Gateway, byte[] Bytes) : IDisposable
    {
        public void Dispose() => Response.Dispose();
    }

    /// <summary>The end of a whole call, and the caller's own.</summary>
    private sealed class Deadline : IDisposable
    {
        private readonly CancellationTokenSource _source;
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private readonly TimeSpan? _limit;

        public Deadline(TimeSpan? limit, CancellationToken caller)
        {
            Caller = caller;
            _limit = limit;
            _source = CancellationTokenSource.CreateLinkedTokenSource(caller);
            if (limit is { } some) _source.CancelAfter(some);
        }

        public CancellationToken Caller { get; }

        public CancellationToken Token => _source.Token;

        public TimeSpan Remaining => _limit is { } limit ? limit - _clock.Elapsed : TimeSpan.MaxValue;

        public bool IsOver => Remaining <= TimeSpan.Zero || (_source.IsCancellationRequested && !Caller.IsCancellationRequested);

        public void Dispose() => _source.Dispose();
    }
}
