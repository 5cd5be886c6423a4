// Repeats, errors, broken streams, time limits, cancelling, secrets: with methods that this package has.
namespace LlmGateway.Tests;

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using static LlmGateway.Tests.Checks;

public static class BehaviourTests
{
    private static readonly FakeGateway.Reply Busy = Refused(429, "slow_down", ("Retry-After", "0"));
    private static readonly FakeGateway.Reply Broken = Refused(503, "", ("Retry-After", "0"));

    public static Task ARefusalIsRepeatedAfterTheTimeThatTheServerSays() => Shown("any", 2, new[] { Busy }, async (gateway, call) =>
    {
        await call();
        Equal(2, gateway.Requests.Count);
    });

    public static Task AWaitThatIsTooLongIsTheCallersToDecide()
    {
        var later = Refused(429, "slow_down", ("Retry-After", "61"));
        return Shown("any", 2, new[] { later }, async (gateway, call) =>
        {
            Equal(TimeSpan.FromSeconds(61), (await Fails<RateLimitedException>(call)).RetryAfter);
            Equal(1, gateway.Requests.Count);
        });
    }

    public static Task ARepeatHasTheSameKey() => Shown("keyed", 2, new[] { Broken }, async (gateway, call) =>
    {
        await call();
        Equal(2, gateway.Requests.Count);
        Equal(gateway.Requests[0].Headers["Idempotency-Key"], gateway.Requests[1].Headers["Idempotency-Key"]);
    });

    public static Task WhatCouldHappenTwiceIsSentOnce() => Shown("unsafe", 2, new[] { Broken }, async (gateway, call) =>
    {
        Equal(503, (await Fails<ServerException>(call)).Status);
        Equal(1, gateway.Requests.Count);
    });

    public static async Task EachCodeHasItsClass()
    {
        foreach (var one in Cases.GetProperty("errors").EnumerateArray())
        {
            var (status, code) = (one.Number("status"), one.Text("code"));
            var reply = Refused(status, code, ("X-Request-ID", "req_1"));
            await Part(code, () => Shown("any", 0, new[] { reply }, async (_, call) =>
            {
                var error = (ApiException)await Fails(Calls.Errors[code], call);
                Equal((status, code, "No.", "req_1"), (error.Status, error.Code, error.Message, error.RequestId));
            }));
        }
    }

    public static async Task AStatusWithoutACodeHasAClassToo()
    {
        var classes = new[] { (404, typeof(NotFoundException)), (418, typeof(BadRequestException)), (500, typeof(ServerException)) };
        foreach (var (status, kind) in classes)
            await Shown("any", 0, new[] { new FakeGateway.Reply(status, "<html>") }, (_, call) => Fails(kind, call));
    }

    public static async Task AStreamThatBreaksOffSaysSo()
    {
        foreach (var one in Cases.GetProperty("streams").EnumerateArray())
        {
            var gateway = new FakeGateway(FakeGateway.Told(one, 1));
            using var client = gateway.Client();
            await Fails<StreamInterruptedException>(() => Calls.Streams[one.Text("name")](client));
            Equal(1, gateway.Requests.Count);
        }
    }

    public static Task NoAnswerInTime()
    {
        var limits = new Timeouts { FirstByte = TimeSpan.FromMilliseconds(50) };
        return Shown("any", 0, new[] { FakeGateway.Reply.Held }, async (_, call) =>
            Equal(TimeoutPhase.FirstByte, (await Fails<TimedOutException>(call)).Phase), limits);
    }

    public static async Task ACallIsCancelledWhileItRuns()
    {
        foreach (var cancelled in Calls.Cancelled)
        {
            using var source = new CancellationTokenSource();
            var gateway = new FakeGateway(FakeGateway.Reply.Held);
            using var client = gateway.Client();
            var pending = cancelled(client, source.Token);
            await gateway.Came.Task;
            source.Cancel();
            await Fails<OperationCanceledException>(() => pending);
        }
    }

    public static Task KeysAreShownNowhere() => Shown("any", 2, new[] { Busy, Refused(404, "") }, async (gateway, call) =>
    {
        var error = await Fails<NotFoundException>(call);
        Equal(true, gateway.Lines.Count > 0);
        var all = string.Join("\n", gateway.Lines.Append($"{error}").Append($"{gateway.Options()}").Append($"{gateway.Client()}"));
        Equal(false, all.Contains(FakeGateway.ApiKey) || all.Contains(FakeGateway.ManagementKey));
    });

    private static FakeGateway.Reply Refused(int status, string code, params (string Name, string Value)[] headers) =>
        new(status, $"{{\"error\":{{\"message\":\"No.\",\"code\":\"{code}\"}}}}", headers);

    // The method of a role, which a package of few methods may not have: answered by replies, then by its sample.
    private static async Task Shown(
        string role, int retries, IEnumerable<FakeGateway.Reply> replies, Func<FakeGateway, Func<Task>, Task> check, Timeouts? timeouts = null)
    {
        if (!Cases.GetProperty("roles").TryGetProperty(role, out var name)) return;
        var answer = Cases.GetProperty("methods").EnumerateArray().Single(each => each.Text("name") == name.GetString()).GetProperty("answer");
        var sample = new FakeGateway.Reply(answer.Number("status"), answer.GetProperty("body").GetRawText());
        var gateway = new FakeGateway(replies.Append(sample).ToArray());
        using var client = gateway.Client(retries, timeouts);
        await check(gateway, () => Calls.All[name.GetString()!](client));
    }
}
