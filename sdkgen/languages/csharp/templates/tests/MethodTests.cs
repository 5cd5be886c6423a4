// Each method asks for what the document says, and understands the answer that the document shows.
namespace LlmGateway.Tests;

using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using static LlmGateway.Tests.Checks;

public static class MethodTests
{
    public static async Task EveryMethod()
    {
        foreach (var one in Cases.GetProperty("methods").EnumerateArray())
        {
            var answer = one.GetProperty("answer");
            var (kind, body) = (answer.Text("kind"), answer.GetProperty("body"));
            var shown = kind switch { "text" => "plain", "binary" => "bytes", "none" => "", _ => body.GetRawText() };
            await Part(one.Text("name"), async () =>
            {
                var gateway = new FakeGateway(new FakeGateway.Reply(answer.Number("status"), shown));
                using var client = gateway.Client();
                var found = await Calls.All[one.Text("name")](client);
                Sent(one.GetProperty("sent"), gateway);
                Understood(kind, answer, found);
            });
        }
    }

    public static async Task EveryListGoesOn()
    {
        foreach (var one in Cases.GetProperty("pages").EnumerateArray())
        {
            var replies = one.GetProperty("answers").EnumerateArray().Select(body => new FakeGateway.Reply(200, body.GetRawText()));
            var gateway = new FakeGateway(replies.ToArray());
            using var client = gateway.Client();
            var found = await Calls.Lists[one.Text("name")](client);
            Compared(one.GetProperty("items"), found);
            var next = one.GetProperty("next");
            Equal(2, gateway.Requests.Count);
            Equal(next[1].GetString(), Query(gateway.Requests[1].Url)[next[0].GetString()!]);
        }
    }

    public static async Task EveryStream()
    {
        foreach (var one in Cases.GetProperty("streams").EnumerateArray())
        {
            var events = one.GetProperty("events").EnumerateArray().ToArray();
            var gateway = new FakeGateway(FakeGateway.Told(one, events.Length));
            using var client = gateway.Client();
            var found = await Calls.Streams[one.Text("name")](client);
            Sent(one.GetProperty("sent"), gateway);
            Equal(events.Length, found.Count);
            for (var at = 0; at < events.Length; at++)
            {
                Same($"event {at}", events[at].GetProperty("data"), Json(found[at]));
                Equal(at == one.Number("unknown"), found[at] is IUnknown);
            }
        }
    }

    // ---- what came --------------------------------------------------------------------------------------------------
    private static void Sent(JsonElement wanted, FakeGateway gateway)
    {
        Equal(1, gateway.Requests.Count);
        var found = gateway.Requests[0];
        Equal($"{wanted.Text("http")} /base{wanted.Text("path")}", $"{found.Method} {found.Url.AbsolutePath}");
        var query = wanted.GetProperty("query").EnumerateObject().Select(each => $"{each.Name}={Time(each.Value.GetString()!)}");
        var asked = Query(found.Url).Select(each => $"{each.Key}={Time(each.Value)}");
        Equal(string.Join("&", query.OrderBy(each => each)), string.Join("&", asked.OrderBy(each => each)));
        foreach (var header in wanted.GetProperty("headers").EnumerateObject())
            Equal(header.Value.GetString(), found.Headers[header.Name]);
        var key = wanted.Text("auth") switch { "key" => FakeGateway.ApiKey, "management" => FakeGateway.ManagementKey, _ => null };
        found.Headers.TryGetValue("Authorization", out var authorization);
        Equal(key is null ? null : $"Bearer {key}", authorization);
        Equal(wanted.GetProperty("keyed").GetBoolean(), found.Headers.ContainsKey("Idempotency-Key"));
        if (wanted.TryGetProperty("form", out var form))
        {
            SentForm(form, wanted.GetProperty("files"), found);
        }
        else if (wanted.TryGetProperty("json", out var json))
        {
            Equal("application/json", found.Headers["Content-Type"].Split(';')[0]);
            Same("", json, JsonDocument.Parse(found.Body).RootElement);
        }
    }

    private static void SentForm(JsonElement form, JsonElement files, FakeGateway.Request request)
    {
        var boundary = request.Headers["Content-Type"].Split("boundary=")[1].Trim('"');
        var found = new List<string>();
        foreach (var part in Encoding.UTF8.GetString(request.Body).Split("--" + boundary).Skip(1).SkipLast(1))
        {
            var (head, content) = (part.Split("\r\n\r\n", 2)[0], part.Split("\r\n\r\n", 2)[1][..^2]);
            string? Named(string word) => Regex.Match(head, $"; {word}=\"?([^\";\r\n]*)") is { Success: true } match ? match.Groups[1].Value : null;
            found.Add($"{Named("name")}={Named("filename") ?? content}");
            if (Named("filename") is { } file) Equal(File.ReadAllText(file), content);
        }
        var wanted = form.EnumerateArray().Concat(files.EnumerateArray()).Select(pair => $"{pair[0].GetString()}={pair[1].GetString()}");
        Equal(string.Join("&", wanted.OrderBy(each => each)), string.Join("&", found.OrderBy(each => each)));
    }

    private static Dictionary<string, string> Query(Uri url) =>
        url.Query.TrimStart('?').Split('&').Where(part => part.Length > 0).Select(part => part.Split('=', 2))
            .ToDictionary(pair => Unescaped(pair[0]), pair => Unescaped(pair[1]));

    private static string Unescaped(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));

    private static void Understood(string kind, JsonElement answer, object? found)
    {
        var body = answer.GetProperty("body");
        if (kind == "binary") Equal("bytes", Encoding.UTF8.GetString(((BinaryAnswer)found!).Bytes.ToArray()));
        else if (kind == "text") Equal("plain", found as string);
        else if (kind == "none") Equal(null, found);
        else if (kind == "page") Compared(body.GetProperty(answer.Text("items")), Items(found!));
        else if (answer.TryGetProperty("several", out _)) Compared(body, TheOne(found!));
        else Compared(body, found);
    }

    private static IEnumerable Items(object page) => (IEnumerable)page.GetType().GetProperty("Items")!.GetValue(page)!;

    private static object? TheOne(object answers) =>
        answers.GetType().GetProperties().Select(each => each.GetValue(answers)).Single(each => each is JsonView);

    private static void Compared(JsonElement expected, object? found)
    {
        LookedAt(found);
        if (found is IEnumerable list && !(found is string))
        {
            var items = list.Cast<object?>().ToList();
            Equal(expected.GetArrayLength(), items.Count);
            for (var at = 0; at < items.Count; at++) Same($"{at}", expected[at], Json(items[at]));
        }
        else
        {
            Same("", expected, Json(found));
        }
    }

    private static JsonElement Json(object? value) => value switch
    {
        JsonView view => view.Raw,
        IUnknown unknown => unknown.Raw,
        string text => JsonDocument.Parse(JsonSerializer.Serialize(text)).RootElement,
        _ => throw new InvalidOperationException($"{value?.GetType().Name} is no JSON"),
    };

    /// <summary>Fields are read when they are asked for: all of them are.</summary>
    private static void LookedAt(object? value)
    {
        if (value is JsonView view)
        {
            var own = view.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(each => each.DeclaringType != typeof(JsonView));
            foreach (var property in own) LookedAt(Read(view, property));
        }
        else if (value is IEnumerable list && !(value is string))
        {
            foreach (var one in list) LookedAt(one);
        }
    }

    private static object? Read(JsonView view, PropertyInfo property)
    {
        try
        {
            return property.GetValue(view);
        }
        catch (TargetInvocationException error)
        {
            throw new InvalidOperationException($"{view.GetType().Name}.{property.Name}: {error.InnerException!.Message}", error);
        }
    }
}
