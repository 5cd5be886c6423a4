// In the place of the network: answers what it is told.
namespace LlmGateway.Tests;

using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

/// <summary>Plays its replies in order, the last one for ever, and keeps the requests.</summary>
public sealed class FakeGateway : HttpMessageHandler
{
    public const string ApiKey = "gw-test-secret-of-calls";
    public const string ManagementKey = "gw-test-secret-of-management";

    private readonly Queue<Reply> _replies;

    public FakeGateway(params Reply[] replies) => _replies = new(replies);

    public List<Request> Requests { get; } = new();

    public List<string> Lines { get; } = new();

    public TaskCompletionSource<bool> Came { get; } = new();

    public GatewayClient Client(int? retries = null, Timeouts? timeouts = null)
    {
        var options = Options();
        return new(options with { MaxRetries = retries ?? options.MaxRetries, Timeouts = timeouts ?? options.Timeouts });
    }

    public ClientOptions Options() => new()
    {
        BaseUrl = "https://gateway.test/base",
        ApiKey = ApiKey,
        ManagementKey = ManagementKey,
        Handler = this,
        Log = entry => Lines.Add($"{entry} {string.Join(" ", entry.Headers)}"),
    };

    /// <summary>The events of a stream's case, the first ones alone, with the end when these are all.</summary>
    public static Reply Told(JsonElement stream, int count)
    {
        var body = new StringBuilder();
        foreach (var one in stream.GetProperty("events").EnumerateArray().Take(count))
        {
            var name = one.GetProperty("event").GetString();
            if (!string.IsNullOrEmpty(name)) body.Append("event: ").Append(name).Append('\n');
            body.Append("data: ").Append(one.GetProperty("data").GetRawText()).Append("\n\n");
        }
        var done = stream.GetProperty("done").GetString();
        if (!string.IsNullOrEmpty(done) && count == stream.GetProperty("events").GetArrayLength())
            body.Append("data: ").Append(done).Append("\n\n");
        return new(200, body.ToString(), ("Content-Type", "text/event-stream"));
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is { } content ? await content.ReadAsByteArrayAsync() : Array.Empty<byte>();
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var header in request.Headers) headers[header.Key] = string.Join(", ", header.Value);
        if (request.Content is { } sent)
            foreach (var header in sent.Headers) headers[header.Key] = string.Join(", ", header.Value);
        Requests.Add(new(request.Method.Method, request.RequestUri!, headers, body));
        var reply = _replies.Count > 1 ? _replies.Dequeue() : _replies.Peek();
        Came.TrySetResult(true);
        if (reply.Status == 0) await Task.Delay(Timeout.Infinite, cancellationToken);
        var response = new HttpResponseMessage((HttpStatusCode)reply.Status) { RequestMessage = request };
        response.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(reply.Body));
        response.Content.Headers.TryAddWithoutValidation("Content-Type", reply.Headers.FirstOrDefault(each => each.Name == "Content-Type").Value ?? "application/json");
        foreach (var (name, value) in reply.Headers.Where(each => each.Name != "Content-Type"))
            response.Headers.TryAddWithoutValidation(name, value);
        return response;
    }

    /// <summary>An answer; one whose status is 0 never comes.</summary>
    public sealed class Reply
    {
        public static readonly Reply Held = new(0, "");

        public Reply(int status, string body, params (string Name, string Value)[] headers) =>
            (Status, Body, Headers) = (status, body, headers);

        public int Status { get; }

        public string Body { get; }

        public (string Name, string Value)[] Headers { get; }
    }

    public sealed class Request
    {
        public Request(string method, Uri url, IReadOnlyDictionary<string, string> headers, byte[] body) =>
            (Method, Url, Headers, Body) = (method, url, headers, body);

        public string Method { get; }

        public Uri Url { get; }

        public IReadOnlyDictionary<string, string> Headers { get; }

        public byte[] Body { get; }
    }
}
