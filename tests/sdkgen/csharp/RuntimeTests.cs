// The runtime's own tests: compiled together with it, so that they see its seams.
namespace LlmGateway.Tests;

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

public sealed class RuntimeTests : Tests
{
    [Test]
    public static void AnOptionalHasThreeStates()
    {
        Optional<string?> missing = default, nothing = null, some = "a";
        Same((false, true, true), (missing.IsSet, nothing.IsSet, some.IsSet));
        Same(null, nothing.Value);
        Same("other", missing.Or("other"));
        True(missing != nothing && nothing != some && some == new Optional<string?>("a"));
        Throws<InvalidOperationException>(() => missing.Value);
    }

    [Test]
    public static async Task EventsOfEveryShapeAreCut()
    {
        foreach (var size in new[] { 1, 2, 3, 7, 64, 100_000 })
        {
            Same("|a", await Events("data: a\n\n", size));
            Same("|a", await Events("\uFEFFdata: a\n\n", size));
            Same("|a,|b", await Events("data:a\r\n\r\ndata: b\r\n\r\n", size));
            Same("|a,|b", await Events("data: a\r\rdata: b\r\r", size));
            Same("|a\nb", await Events("data: a\ndata: b\n\n", size));
            Same("|", await Events("data\n\n", size));
            Same("|a", await Events(": ping\n\n:\ndata: a\n: in between\n\n", size));
            Same("x|1", await Events("event: x\nid: 5\nretry: 10\ndata: 1\n\n", size));
            Same("|1", await Events("event: x\n\ndata: 1\n\n", size));
            Same("|a", await Events("data: a\n\ndata: b\n", size));
            Same("|é😀", await Events("data: é😀\n\n", size));
            Same("|  a", await Events("data:   a\n\n", size));
            Same("", await Events("", size));
            var large = new string('x', 1_000_000);
            if (size > 60) Same("|" + large + ",|b", await Events($"data: {large}\n\ndata: b\n\n", size));
        }
    }

    [Test]
    public static async Task CommentsAreTold()
    {
        var told = new List<string>();
        var reader = new SseReader(new MemoryStream(Encoding.UTF8.GetBytes(": gateway {\"cost\":\"1\"}\n\n")), Plain) { OnComment = told.Add };
        await foreach (var each in reader.Events(default)) throw new InvalidOperationException(each.Text);
        Same("gateway {\"cost\":\"1\"}", string.Join("|", told));
    }

    [Test]
    public static async Task ARefusalIsRepeatedAsTheServerAsks()
    {
        var script = new Script(Answer(429, "{}", ("Retry-After", "3")), Answer(503, "{}", ("retry-after-ms", "1500")), Answer(500, "{}"), Answer(200, "7"));
        using var transport = script.Transport(retries: 5);
        var answer = await transport.Send(new ApiCall(HttpMethod.Get, "/v1/models"), Whole, null, default);
        Same(7L, answer.Value);
        Same("3,1.5,2", script.Waits());
        Same(3, answer.Gateway.Retries);
        Same("try=0|try=1|try=2|try=3", string.Join("|", script.Requests.Select(each => each.Headers["X-Gateway-SDK"].Split("; ").Last())));
    }

    [Test]
    public static async Task WaitsGrowToEightSecondsAndVaryDownwards()
    {
        var script = new Script(Enumerable.Repeat(500, 7).Select(status => Answer(status, "{}")).ToArray()) { Jitter = 1 };
        using var transport = script.Transport(retries: 6);
        await Fails<ServerException>(() => transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, null, default));
        Same("0.375,0.75,1.5,3,6,6", script.Waits());
    }

    [Test]
    public static async Task WhatCannotBeRepeatedIsSentOnce()
    {
        foreach (var (call, status, headers, times) in new[]
        {
            (new ApiCall(HttpMethod.Post, "/x"), 500, "", 1),
            (new ApiCall(HttpMethod.Post, "/x"), 503, "Retry-After", 1),
            (new ApiCall(HttpMethod.Post, "/x"), 429, "", 3),
            (new ApiCall(HttpMethod.Post, "/x") { IsKeyed = true }, 500, "", 3),
            (new ApiCall(HttpMethod.Post, "/x") { IsKeyed = true }, 402, "Retry-After", 1),
            (new ApiCall(HttpMethod.Post, "/x") { IsKeyed = true }, 409, "", 1),
            (new ApiCall(HttpMethod.Delete, "/x"), 502, "", 3),
            (new ApiCall(HttpMethod.Put, "/x"), 529, "", 3),
            (new ApiCall(HttpMethod.Get, "/x"), 408, "", 3),
            (new ApiCall(HttpMethod.Get, "/x"), 404, "", 1),
            (new ApiCall(HttpMethod.Get, "/x"), 501, "", 1),
        })
        {
            var script = new Script(Enumerable.Repeat(0, 3).Select(_ => headers.Length > 0 ? Answer(status, "{}", (headers, "1")) : Answer(status, "{}")).ToArray());
            using var transport = script.Transport();
            await Fails<ApiException>(() => transport.Send(call, Whole, null, default));
            Same((call.Method.Method, status, times), (call.Method.Method, status, script.Requests.Count));
        }
    }

    [Test]
    public static async Task TheServerDecidesByItsOwnHeader()
    {
        var never = new Script(Answer(500, "{}", ("x-should-retry", "false")));
        using (var transport = never.Transport()) await Fails<ServerException>(() => transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, null, default));
        Same(1, never.Requests.Count);
        var again = new Script(Answer(404, "{}", ("x-should-retry", "true")), Answer(200, "1"));
        using (var transport = again.Transport()) await transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, null, default);
        Same(2, again.Requests.Count);
    }

    [Test]
    public static async Task ALongWaitIsTheCallersToDecide()
    {
        var script = new Script(Answer(429, "{\"error\":{\"message\":\"m\",\"code\":\"rate_limit_exceeded\"}}", ("Retry-After", "61")));
        using var transport = script.Transport();
        var error = await Fails<RateLimitedException>(() => transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, null, default));
        Same((TimeSpan.FromSeconds(61), 0), (error.RetryAfter, script.Delays.Count));
    }

    [Test]
    public static async Task ARepeatedCallKeepsItsKey()
    {
        var script = new Script(Answer(500, "{}"), Answer(200, "1"), Answer(200, "1"));
        using var transport = script.Transport();
        var call = new ApiCall(HttpMethod.Post, "/v1/chat/completions") { IsKeyed = true, Body = () => new StringContent("{}") };
        await transport.Send(call, Whole, null, default);
        await transport.Send(call, Whole, new() { IdempotencyKey = "mine" }, default);
        var keys = script.Requests.Select(each => each.Headers["Idempotency-Key"]).ToArray();
        Same((true, 36, "mine"), (keys[0] == keys[1], keys[0].Length, keys[2]));
    }

    [Test]
    public static async Task ErrorsSayWhatTheGatewaySays()
    {
        var script = new Script(
            Answer(402, "{\"error\":{\"message\":\"No budget.\",\"type\":\"insufficient_quota\",\"param\":null,\"code\":\"budget_exceeded\"}}",
                ("X-Request-ID", "req_1"), ("X-Gateway-Budget", "b1"), ("X-Gateway-Budget-Resets-At", "2026-12-01T00:00:00Z")),
            Answer(400, "{\"type\":\"about:blank\",\"detail\":\"1 input is not valid\",\"code\":\"invalid\",\"errors\":[{\"field\":\"targets.0\",\"code\":\"min\",\"message\":\"Too small.\"}]}"),
            Answer(400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"model: ?\"}}"),
            Answer(502, "<html>"));
        using var transport = script.Transport(retries: 0);
        var call = new ApiCall(HttpMethod.Get, "/x");
        var budget = await Fails<PaymentRequiredException>(() => transport.Send(call, Whole, null, default));
        Same(("No budget.", "budget_exceeded", "req_1", "b1", 402), (budget.Message, budget.Code, budget.RequestId, budget.BudgetId, budget.Status));
        Same(new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero), budget.BudgetResetsAt);
        Same(null, budget.DocumentationUrl);
        Same("https://docs.test/errors#budget_exceeded", Configuration.Documentation("https://docs.test/errors", budget.Code));
        var invalid = await Fails<BadRequestException>(() => transport.Send(call, Whole, null, default));
        Same(new FieldError("targets.0", "min", "Too small."), invalid.Errors.Single());
        Same("model: ?", (await Fails<BadRequestException>(() => transport.Send(call, Whole, null, default))).Message);
        var page = await Fails<ServerException>(() => transport.Send(call, Whole, null, default));
        Same(("<html>", "<html>", (string?)null), (page.Message, page.Body, page.Code));
    }

    [Test]
    public static async Task MetadataComesFromTheHeaders()
    {
        var script = new Script(Answer(200, "1", ("X-Request-ID", "r"), ("X-Gateway-Cost", "0.0000031500"), ("X-Gateway-Provider", "openai"),
            ("X-Gateway-Attempts", "2"), ("X-Gateway-Cache", "miss"), ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"), ("x-ratelimit-reset-requests", "6m1.5s")));
        using var transport = script.Transport();
        var gateway = (await transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, null, default)).Gateway;
        Same(("r", 0.0000031500m, "openai", 2, "miss"), (gateway.RequestId, gateway.Cost, gateway.Provider, gateway.Attempts, gateway.Cache));
        Same(new RateLimit(60, 59, TimeSpan.FromSeconds(361.5)), gateway.RequestLimit);
        Same(null, gateway.TokenLimit);
    }

    [Test]
    public static async Task AStreamEndsWithItsMarkAndItsCost()
    {
        var script = new Script(Answer(200, "data: {\"n\":1}\n\ndata: {\"n\":2}\n\n: gateway {\"cost\":\"0.5\",\"request_id\":\"r\"}\n\ndata: [DONE]\n\n"));
        using var transport = script.Transport();
        await using var stream = await transport.Stream(new ApiCall(HttpMethod.Post, "/x"), Numbers, null, default);
        var got = new List<long>();
        await foreach (var each in stream) got.Add(each);
        Same(("1,2", 0.5m, 2), (string.Join(",", got), stream.Gateway.Cost, stream.Received));
    }

    [Test]
    public static async Task ACutStreamIsNeverQuietAndNeverSentAgain()
    {
        foreach (var text in new[] { "data: {\"n\":1}\n\n", "data: {\"n\":1}\n\ndata: {\"n\":", "data: {\"n\":1}\n\ndata: {\"n\":\n\n" })
        {
            var script = new Script(Answer(200, text));
            using var transport = script.Transport();
            await using var stream = await transport.Stream(new ApiCall(HttpMethod.Post, "/x") { IsKeyed = true }, Numbers, null, default);
            var error = await Fails<StreamInterruptedException>(() => Drain(stream));
            Same((1, 1), (error.Received, script.Requests.Count));
        }
    }

    [Test]
    public static async Task AnErrorWithinAStreamIsTyped()
    {
        foreach (var text in new[]
        {
            "data: {\"error\":{\"message\":\"m\",\"code\":\"stream_interrupted\",\"type\":\"upstream_error\"}}\n\n",
            "event: error\ndata: {\"type\":\"error\",\"code\":\"stream_interrupted\",\"message\":\"m\",\"sequence_number\":3}\n\n",
        })
        {
            using var transport = new Script(Answer(200, text, ("X-Request-ID", "r"))).Transport();
            await using var stream = await transport.Stream(new ApiCall(HttpMethod.Post, "/x"), Numbers, null, default);
            var error = await Fails<StreamInterruptedException>(() => Drain(stream));
            Same(("m", "stream_interrupted", "r"), (error.Message, error.Code, error.RequestId));
        }
    }

    [Test]
    public static async Task ACallThatIsStillRunningIsAskedForAgain()
    {
        var script = new Script(Answer(409, "{\"error\":{\"code\":\"idempotency_in_flight\"}}", ("Retry-After", "5")), Answer(200, "1"));
        using var transport = script.Transport();
        await transport.Send(new ApiCall(HttpMethod.Post, "/x") { IsKeyed = true }, Whole, null, default);
        Same("5", script.Waits());
    }

    [Test]
    public static void EventsAddUpToTheWholeAnswer()
    {
        Same("{\"id\":\"c\",\"choices\":[{\"index\":0,\"finish_reason\":\"tool_calls\",\"message\":{\"role\":\"assistant\",\"content\":\"Hello\","
            + "\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}],\"usage\":{\"total_tokens\":3},\"object\":\"chat.completion\"}",
            Folded("chat",
                "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hel\"}}]}",
                "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\",\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}",
                "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
                "{\"choices\":[],\"usage\":{\"total_tokens\":3}}"));
        Same("{\"id\":\"m\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2},\"stop_reason\":\"end_turn\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"tool_use\",\"input\":{\"partial_json\":\"{\\u0022a\"}}]}",
            Folded("messages",
                "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1}}}",
                "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
                "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"H\"}}",
                "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"i\"}}",
                "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\"}}",
                "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\"}}",
                "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}").Replace("\\\"a", "\\u0022a"));
        Same("{\"id\":\"r\",\"output\":[{\"type\":\"message\",\"id\":\"\",\"role\":\"assistant\",\"status\":\"incomplete\",\"content\":[{\"type\":\"output_text\",\"text\":\"ab\",\"annotations\":[]}]}]}",
            Folded("responses",
                "{\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}",
                "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"a\"}",
                "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"b\"}"));
    }

    private static string Folded(string rule, params string[] events)
    {
        var fold = Folding.Of(rule)!;
        foreach (var each in events) fold.Add(JsonDocument.Parse(each).RootElement);
        return fold.Whole()!.Value.GetRawText();
    }

    [Test]
    public static async Task AConnectionThatWasNeverMadeIsTriedAgainAndALostOneIsNot()
    {
        var refused = new Script(new SocketException((int)SocketError.ConnectionRefused), Answer(200, "1"));
        using (var transport = refused.Transport()) await transport.Send(new ApiCall(HttpMethod.Post, "/x"), Whole, null, default);
        Same(2, refused.Requests.Count);
        var lost = new Script(new IOException("reset"), Answer(200, "1"));
        using (var transport = lost.Transport()) await Fails<ConnectionFailedException>(() => transport.Send(new ApiCall(HttpMethod.Post, "/x"), Whole, null, default));
        Same(1, lost.Requests.Count);
    }

    [Test]
    public static async Task EveryWaitHasItsLimit()
    {
        using var silent = new Server(_ => Task.Delay(10_000));
        var limits = new Timeouts { FirstByte = TimeSpan.FromMilliseconds(200) };
        using (var transport = new Transport(silent.Options(0)))
        {
            var first = await Fails<TimedOutException>(() => transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, new() { Timeouts = limits }, default));
            Same(TimeoutPhase.FirstByte, first.Phase);
            var total = await Fails<TimedOutException>(() => transport.Send(
                new ApiCall(HttpMethod.Get, "/x"), Whole, new() { Timeouts = new() { Total = TimeSpan.FromMilliseconds(200) } }, default));
            Same(TimeoutPhase.Total, total.Phase);
        }
        using var stalling = new Server(async stream =>
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ndata: {\"n\":1}\n\n"), CancellationToken.None);
            await Task.Delay(10_000);
        });
        using (var transport = new Transport(stalling.Options(0)))
        {
            var quiet = new RequestOptions { Timeouts = new() { Idle = TimeSpan.FromMilliseconds(200) } };
            var idle = await Fails<TimedOutException>(() => transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, quiet, default));
            Same(TimeoutPhase.Idle, idle.Phase);
            await using var stream = await transport.Stream(new ApiCall(HttpMethod.Get, "/x"), Numbers, quiet, default);
            var cut = await Fails<StreamInterruptedException>(() => Drain(stream));
            Same((1, TimeoutPhase.Idle), (cut.Received, ((TimedOutException)cut.InnerException!).Phase));
        }
    }

    [Test]
    public static async Task ACallerCanCancelAtAnyTime()
    {
        using var stalling = new Server(async stream =>
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ndata: {\"n\":1}\n\n"), CancellationToken.None);
            await Task.Delay(10_000);
        });
        using var transport = new Transport(stalling.Options(2));
        using var source = new CancellationTokenSource();
        await using var stream = await transport.Stream(new ApiCall(HttpMethod.Get, "/x"), Numbers, null, source.Token);
        await Fails<OperationCanceledException>(async () =>
        {
            await foreach (var each in stream) source.Cancel();
        });
        using var early = new CancellationTokenSource(100);
        await Fails<OperationCanceledException>(() => transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, null, early.Token));
    }

    [Test]
    public static async Task AFormIsSentFromADiskFileWithProgress()
    {
        var path = Path.GetTempFileName();
        await File.WriteAllTextAsync(path, new string('x', 200_000));
        var told = new List<(long, long)>();
        var file = Upload.File(path, "application/jsonl", "a\"b\n.jsonl", new Sync(told));
        var script = new Script(Answer(200, "1"));
        using var transport = script.Transport();
        await transport.Send(new ApiCall(HttpMethod.Post, "/v1/files") { Body = () => new Form().Add("purpose", "fine-tune").Add("file", file).Content() }, Whole, null, default);
        File.Delete(path);
        var sent = script.Requests[0];
        True(sent.Body.Contains("Content-Disposition: form-data; name=\"file\"; filename=\"a%22b%0A.jsonl\"", StringComparison.Ordinal));
        True(sent.Body.Contains("name=\"purpose\"\r\n\r\nfine-tune\r\n", StringComparison.Ordinal));
        True(!sent.Headers["Content-Type"].Contains('"'));
        Same((200_000L, 200_000L), told.Last());
    }

    [Test]
    public static async Task PagesFollowEachOther()
    {
        Page<int> Make(int from) => new(new[] { from, from + 1 }, 6, new(), from < 4 ? _ => Task.FromResult(Make(from + 2)) : null);
        var got = new List<int>();
        await foreach (var each in Make(0)) got.Add(each);
        Same("0,1,2,3,4,5", string.Join(",", got));
    }

    [Test]
    public static async Task NoSecretReachesTheLog()
    {
        var entries = new List<LogEntry>();
        var script = new Script(Answer(200, "1"));
        using var transport = script.Transport(log: entries.Add);
        await transport.Send(new ApiCall(HttpMethod.Get, "/x") { Query = new[] { KeyValuePair.Create("token", "s3cret"), KeyValuePair.Create("a", "b") } },
            Whole, new() { Headers = new Dictionary<string, string> { ["X-Api-Key"] = "s3cret" } }, default);
        Same("request,answer", string.Join(",", entries.Select(each => each.Message)));
        True(!entries.Any(each => each.ToString().Contains("s3cret") || each.Headers.Values.Any(value => value.Contains("s3cret") || value.Contains("sk-"))));
        Same("http://gateway.test/x?token=***&a=b", entries[0].Url);
    }

    [Test]
    public static void WhatCannotBeMeantIsRefusedAtOnce()
    {
        foreach (var options in new[]
        {
            new ClientOptions { ApiKey = "", BaseUrl = "http://a" },
            new ClientOptions { ApiKey = "a b", BaseUrl = "http://a" },
            new ClientOptions { ApiKey = "k", BaseUrl = "ftp://a" },
            new ClientOptions { ApiKey = "k", BaseUrl = "http://u:p@a" },
            new ClientOptions { ApiKey = "k", BaseUrl = "http://a?x=1" },
        })
        {
            Throws<ConfigurationException>(() => new Transport(options));
        }
        Same("http://a/b", Configuration.Root(new() { BaseUrl = "http://a/b/v1/" }));
    }

    [Test]
    public static async Task AHeaderCannotSmuggleAnother()
    {
        using var transport = new Script(Answer(200, "1")).Transport();
        await Fails<ConfigurationException>(() => transport.Send(new ApiCall(HttpMethod.Get, "/x"), Whole,
            new() { Headers = new Dictionary<string, string> { ["X-A"] = "1\r\nX-B: 2" } }, default));
    }

    [Test]
    public static async Task TelemetryCanBeLeftOut()
    {
        var script = new Script(Answer(200, "1"), Answer(200, "1"));
        using (var silent = script.Transport(telemetry: false)) await silent.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, null, default);
        using (var telling = script.Transport()) await telling.Send(new ApiCall(HttpMethod.Get, "/x"), Whole, null, default);
        True(!script.Requests[0].Headers.ContainsKey("X-Gateway-SDK"));
        Same("csharp/0.0.0; rt=dotnet-3.1; os=linux; spec=000000000000; try=0", script.Requests[1].Headers["X-Gateway-SDK"]);
    }

    [Test]
    public static void NumbersKeepTheirDigits()
    {
        using var document = JsonDocument.Parse("[\"0.00000000000000000012\", 12345678901234567890, 1.0, 9007199254740993, 1e3]");
        var values = document.RootElement;
        Same(0.00000000000000000012m, Json.Amount(values[0], "x"));
        Throws<DecodeException>(() => Json.Integer(values[1], "x"));
        Same((1L, 9007199254740993L, 1000L), (Json.Integer(values[2], "x"), Json.Integer(values[3], "x"), Json.Integer(values[4], "x")));
    }

    private static long Whole(ReadOnlyMemory<byte> bytes) => Json.Parse(bytes, root => root.GetInt64());

    private static readonly StreamShape<long> Numbers = new(root => root.GetProperty("n").GetInt64(), "[DONE]", Array.Empty<string>());

    private static async Task Drain(EventStream<long> stream)
    {
        await foreach (var each in stream)
        {
        }
    }

    private static async Task<string> Events(string text, int size)
    {
        var reader = new SseReader(new MemoryStream(Encoding.UTF8.GetBytes(text)), (stream, buffer, at, count, _) => stream.ReadAsync(buffer, at, Math.Min(size, count)));
        var got = new List<string>();
        await foreach (var each in reader.Events(default)) got.Add(each.Name + "|" + each.Text);
        return string.Join(",", got);
    }

    private static Task<int> Plain(Stream stream, byte[] buffer, int at, int count, CancellationToken _) => stream.ReadAsync(buffer, at, count);

    private static Func<HttpResponseMessage> Answer(int status, string body, params (string Name, string Value)[] headers) => () =>
    {
        var response = new HttpResponseMessage((HttpStatusCode)status) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        foreach (var (name, value) in headers) response.Headers.TryAddWithoutValidation(name, value);
        return response;
    };

    private sealed class Sync : IProgress<(long, long)>
    {
        private readonly List<(long, long)> _told;

        public Sync(List<(long, long)> told) => _told = told;

        public void Report((long, long) value) => _told.Add(value);
    }

    public sealed record Seen(string Method, string Url, Dictionary<string, string> Headers, string Body);

    /// <summary>Answers in order; an exception is the network's.</summary>
    private sealed class Script : HttpMessageHandler
    {
        private readonly Queue<object> _steps;

        public Script(params object[] steps) => _steps = new(steps);

        public List<Seen> Requests { get; } = new();

        public List<TimeSpan> Delays { get; } = new();

        public double Jitter { get; init; }

        public string Waits() => string.Join(",", Delays.Select(each => each.TotalSeconds.ToString(System.Globalization.CultureInfo.InvariantCulture)));

        public Transport Transport(int retries = 2, Action<LogEntry>? log = null, bool telemetry = true) => new(new ClientOptions
        {
            ApiKey = "sk-test", BaseUrl = "http://gateway.test", Handler = this, MaxRetries = retries, Log = log, Telemetry = telemetry,
            Jitter = () => Jitter,
            Wait = (delay, _) =>
            {
                Delays.Add(delay);
                return Task.CompletedTask;
            },
        });

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
        {
            var headers = request.Headers.Concat(request.Content?.Headers ?? Enumerable.Empty<KeyValuePair<string, IEnumerable<string>>>())
                .ToDictionary(each => each.Key, each => string.Join(", ", each.Value));
            Requests.Add(new(request.Method.Method, request.RequestUri!.ToString(), headers, request.Content is null ? "" : await request.Content.ReadAsStringAsync()));
            return _steps.Dequeue() switch
            {
                Func<HttpResponseMessage> answer => answer(),
                Exception error => throw new HttpRequestException("network", error),
                _ => throw new InvalidOperationException(),
            };
        }
    }

    /// <summary>A real socket that reads a request's head and does what it is told.</summary>
    private sealed class Server : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public Server(Func<NetworkStream, Task> answer)
        {
            _listener.Start();
            _ = Serve(answer);
        }

        public ClientOptions Options(int retries) =>
            new() { ApiKey = "k", BaseUrl = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}", MaxRetries = retries };

        public void Dispose() => _listener.Stop();

        private async Task Serve(Func<NetworkStream, Task> answer)
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                _ = Task.Run(async () =>
                {
                    using (client)
                    {
                        await client.GetStream().ReadAsync(new byte[4096], CancellationToken.None);
                        await answer(client.GetStream());
                    }
                });
            }
        }
    }
}
