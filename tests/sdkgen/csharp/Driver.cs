// The driver of the C# package: see tests/sdkgen/conformance/README.md. It is compiled together with the package, so that
// it can leave the pauses out.
namespace LlmGateway.Conformance;

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using LlmGateway;

public static class Program
{
    public static async Task Main()
    {
        Console.OutputEncoding = new UTF8Encoding(false);
        using var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        string? line;
        while ((line = await input.ReadLineAsync()) is not null)
        {
            var said = JsonDocument.Parse(line).RootElement;
            var outcome = await Run(said);
            outcome["id"] = said.GetProperty("id");
            Console.WriteLine(Folding.Element(outcome).GetRawText());
        }
    }

    private static async Task<Dictionary<string, object?>> Run(JsonElement said)
    {
        var delays = new List<object?>();
        var events = new List<object?>();
        Dictionary<string, object?> outcome;
        var client = said.TryGetProperty("client", out var stated) ? stated : default;
        using var gateway = new GatewayClient(new ClientOptions
        {
            BaseUrl = said.GetProperty("base_url").GetString(), ApiKey = "gw-test", ManagementKey = "gw-manage",
            MaxRetries = Number(client, "max_retries") is { } retries ? (int)retries : 2,
            Organization = Folding.Text(client, "organization"), Headers = Texts(client, "headers") ?? new(),
            Telemetry = client.ValueKind == JsonValueKind.Object && client.TryGetProperty("telemetry", out var on) ? on.GetBoolean() : null,
            Wait = (delay, _) =>
            {
                delays.Add(JsonDocument.Parse(delay.TotalSeconds.ToString("R", CultureInfo.InvariantCulture)).RootElement);
                return Task.CompletedTask;
            },
        });
        var options = said.TryGetProperty("options", out var given) ? given : default;
        using var source = new CancellationTokenSource();
        if (Number(options, "cancel_after_ms") is { } after) source.CancelAfter((int)after);
        try
        {
            var args = said.GetProperty("args").EnumerateObject().ToDictionary(each => each.Name, each => each.Value);
            outcome = await Call(gateway, said.GetProperty("operation").GetString()!, args, Options(options), events, source.Token);
        }
        catch (Exception error) when (error is GatewayException or OperationCanceledException)
        {
            outcome = new() { ["error"] = Told(error) };
        }
        outcome["delays"] = delays;
        if (events.Count > 0) outcome["events"] = events;
        return outcome;
    }

    private static async Task<Dictionary<string, object?>> Call(
        GatewayClient client, string operation, Dictionary<string, JsonElement> args, RequestOptions options, List<object?> events, CancellationToken cancel)
    {
        string Take(string name)
        {
            var text = args[name].GetString()!;
            args.Remove(name);
            return text;
        }

        switch (operation)
        {
            case "chat.create": return Answered(await client.Chat.Completions.CreateAsync(Bind<ChatCompletionRequest>(args), options, cancel));
            case "chat.stream": return await Streamed(await client.Chat.Completions.CreateStreamAsync(Bind<ChatCompletionRequest>(args), options, cancel), events);
            case "responses.stream": return await Streamed(await client.Responses.CreateStreamAsync(Bind<ResponseRequest>(args), options, cancel), events);
            case "messages.stream": return await Streamed(await client.Messages.CreateStreamAsync(Bind<MessageRequest>(args), options, cancel), events);
            case "embeddings.create": return Answered(await client.Embeddings.CreateAsync(Bind<EmbeddingRequest>(args), options, cancel));
            case "feedback.create": return Answered(await client.Feedback.CreateAsync(Bind<FeedbackRequest>(args), options, cancel));
            case "models.get": return Answered(await client.Models.GetAsync(Take("model"), options, cancel));
            case "keys.create": return Answered(await client.Manage.ApiKeys.CreateAsync(Bind<KeyRequest>(args), options, cancel));
            case "keys.update": return Answered(await client.Manage.ApiKeys.UpdateAsync(Take("id"), Bind<PatchedKeyLimitsRequest>(args), options, cancel));
            case "keys.delete":
                await client.Manage.Annotations.DeleteAsync(Take("id"), options, cancel);
                return new() { ["answer"] = null };
            case "keys.list": return await Listed(await client.Manage.ApiKeys.ListAsync(Bind<ManageApiKeysListParams>(args), options, cancel));
            case "files.list": return await Listed(await client.Files.ListAsync(Bind<FilesListParams>(args), options, cancel));
            case "files.content":
                return new() { ["text"] = Encoding.UTF8.GetString((await client.Files.ContentAsync(Take("file_id"), options, cancel)).Bytes.ToArray()) };
            case "files.create":
                var file = Upload.Bytes("file.jsonl", Encoding.UTF8.GetBytes(Take("file")));
                return Answered(await client.Files.CreateAsync(Bind<FileRequest>(args) with { File = file }, options, cancel));
            case "analytics.query":
                var found = await client.Manage.Admin.Analytics.QueryAsync(Bind<SemanticQueryRequest>(args), options, cancel);
                var view = found.Ok ?? (JsonView)found.Accepted!;
                view.Gateway = found.Gateway;
                return Answered(view);
            default: throw new InvalidOperationException(operation);
        }
    }

    // ---- outcomes -------------------------------------------------------------------------------------------------
    private static Dictionary<string, object?> Answered(JsonView answer)
    {
        var info = answer.Gateway!;
        return new()
        {
            ["answer"] = JsonDocument.Parse(Json.Bytes(answer.WriteTo)).RootElement,
            ["gateway"] = new Dictionary<string, object?>
            {
                ["status"] = (int?)info.Status, ["request_id"] = info.RequestId, ["cost"] = info.CostText, ["cache"] = info.Cache,
                ["provider"] = info.Provider, ["attempts"] = info.Attempts, ["retries"] = info.Retries, ["replayed"] = Truth(info.IsReplay),
            },
            ["read"] = answer is ChatCompletion chat ? chat.Choices.Select(choice => (object?)choice.Message.Content).ToList() : null,
        };
    }

    private static async Task<Dictionary<string, object?>> Streamed<T, TWhole>(EventStream<T, TWhole> stream, List<object?> events)
        where T : IJsonValue
        where TWhole : JsonView
    {
        var text = new StringBuilder();
        await foreach (var each in stream)
        {
            events.Add(IsUnknown(each) ? "?" : JsonDocument.Parse(Json.Bytes(each.WriteTo)).RootElement);
            if (each is ChatCompletionChunk chunk) text.Append(string.Concat(chunk.Choices.Select(choice => choice.Delta.Content)));
        }
        if (text.Length > 100_000) return new() { ["text_length"] = text.Length };
        return new() { ["text"] = text.ToString(), ["whole"] = (await stream.ResultAsync()).Raw, ["cost"] = stream.Gateway.CostText };
    }

    private static bool IsUnknown(object value) => value is IUnknown;

    private static async Task<Dictionary<string, object?>> Listed<T>(Page<T> page)
        where T : JsonView
    {
        var items = new List<object?>();
        await foreach (var each in page) items.Add(each.Raw);
        return new() { ["items"] = items };
    }

    private static Dictionary<string, object?> Told(Exception error)
    {
        var kind = error is OperationCanceledException ? "Cancelled" : Without(Without(error.GetType().Name, "Exception"), "Error");
        var told = new Dictionary<string, object?> { ["kind"] = kind, ["message"] = error.Message };
        told["request_id"] = (error as GatewayException)?.RequestId;
        if (error is ApiException api)
        {
            told["status"] = api.Status;
            told["code"] = api.Code;
            told["retry_after_s"] = api.RetryAfter is { } wait ? Folding.Number(wait.TotalSeconds) : null;
        }
        if (error is ConnectionFailedException lost) told["sent"] = Truth(lost.WasSent);
        if (error is TimedOutException late) told["phase"] = late.Phase switch { TimeoutPhase.FirstByte => "first_byte", TimeoutPhase.Idle => "idle", _ => "total" };
        if (error is StreamInterruptedException cut)
        {
            told["code"] = cut.Code;
            if (cut.Partial is { } partial && partial.TryGetProperty("choices", out var choices))
            {
                told["partial_text"] = string.Concat(choices.EnumerateArray().Select(choice => Folding.Text(choice.GetProperty("message"), "content")));
            }
        }
        return told;
    }

    private static string Without(string name, string end) => name.EndsWith(end, StringComparison.Ordinal) ? name.Substring(0, name.Length - end.Length) : name;

    private static object Truth(bool value) => JsonDocument.Parse(value ? "true" : "false").RootElement;

    // ---- what is given --------------------------------------------------------------------------------------------
    private static RequestOptions Options(JsonElement said)
    {
        var times = said.ValueKind == JsonValueKind.Object && said.TryGetProperty("timeouts", out var found) ? found : default;
        TimeSpan? Time(string name, TimeSpan? otherwise) => Number(times, name) is { } seconds ? TimeSpan.FromSeconds(seconds) : otherwise;
        var usual = new Timeouts();
        return new()
        {
            MaxRetries = (int?)Number(said, "max_retries"), IdempotencyKey = Folding.Text(said, "idempotency_key"),
            Headers = Texts(said, "headers"), Tags = Texts(said, "tags"), EndUser = Folding.Text(said, "end_user"),
            Cache = Folding.Text(said, "cache"), Route = Folding.Text(said, "route"), Organization = Folding.Text(said, "organization"),
            Timeouts = new()
            {
                FirstByte = Time("first_byte", usual.FirstByte), Idle = Time("idle", usual.Idle), Total = Time("total", usual.Total),
            },
        };
    }

    private static double? Number(JsonElement said, string name) =>
        said.ValueKind == JsonValueKind.Object && said.TryGetProperty(name, out var found) ? found.GetDouble() : null;

    private static Dictionary<string, string>? Texts(JsonElement said, string name) =>
        said.ValueKind == JsonValueKind.Object && said.TryGetProperty(name, out var found)
            ? found.EnumerateObject().ToDictionary(each => each.Name, each => each.Value.GetString()!) : null;

    private static T Bind<T>(Dictionary<string, JsonElement> args) => (T)Made(typeof(T), Folding.Element(args.ToDictionary(each => each.Key, each => (object?)each.Value)))!;

    /// <summary>A typed value of JSON, by the public properties of its type.</summary>
    private static object? Made(Type type, JsonElement said)
    {
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Optional<>))
            return Activator.CreateInstance(type, Made(type.GetGenericArguments()[0], said));
        if (said.ValueKind == JsonValueKind.Null) return null;
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string)) return said.GetString();
        if (type == typeof(long)) return said.GetInt64();
        if (type == typeof(double)) return said.GetDouble();
        if (type == typeof(bool)) return said.GetBoolean();
        if (type == typeof(decimal)) return Json.Amount(said, "");
        if (type == typeof(DateTimeOffset)) return Json.Time(said, "");
        if (type == typeof(AnyJson)) return (AnyJson)said;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(type.GetGenericArguments()))!;
            foreach (var each in said.EnumerateArray()) list.Add(Made(type.GetGenericArguments()[0], each));
            return list;
        }
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            var map = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(type.GetGenericArguments()))!;
            foreach (var each in said.EnumerateObject()) map.Add(each.Name, Made(type.GetGenericArguments()[1], each.Value));
            return map;
        }
        if (type.IsValueType) return Activator.CreateInstance(type, said.GetString());
        if (type.IsInterface) return Variant(type, said);
        return type.GetConstructor(Type.EmptyTypes) is null ? Choice(type, said) : Record(type, said);
    }

    private static object Variant(Type type, JsonElement said)
    {
        foreach (var variant in type.Assembly.GetTypes().Where(each => !each.IsInterface && type.IsAssignableFrom(each) && each.GetConstructor(Type.EmptyTypes) is not null))
        {
            var made = Activator.CreateInstance(variant)!;
            var tags = variant.GetProperties().Where(each => each.SetMethod is null && each.PropertyType == typeof(string) && each.Name is "Role" or "Type");
            if (tags.Any(tag => Folding.Text(said, tag.Name.ToLowerInvariant()) == (string?)tag.GetValue(made))) return Record(variant, said);
        }
        throw new InvalidOperationException($"no {type.Name} of {said}");
    }

    private static object Choice(Type type, JsonElement said)
    {
        foreach (var make in type.GetMethods(BindingFlags.Public | BindingFlags.Static).Where(each => each.Name == "Of"))
        {
            var wanted = make.GetParameters()[0].ParameterType;
            var isList = wanted.IsGenericType;
            var isText = wanted == typeof(string) || wanted.IsValueType;
            if (isList != (said.ValueKind == JsonValueKind.Array) || isText != (said.ValueKind == JsonValueKind.String)) continue;
            return make.Invoke(null, new[] { Made(wanted, said) })!;
        }
        throw new InvalidOperationException($"no {type.Name} of {said}");
    }

    private static object Record(Type type, JsonElement said)
    {
        var made = Activator.CreateInstance(type)!;
        var extra = new Dictionary<string, JsonElement>();
        foreach (var field in said.EnumerateObject())
        {
            var name = string.Concat(field.Name.Split('_').Where(part => part.Length > 0).Select(part => char.ToUpperInvariant(part[0]) + part.Substring(1)));
            var property = type.GetProperty(name);
            if (property?.SetMethod is not null) property.SetValue(made, Made(property.PropertyType, field.Value));
            else if (property is null) extra[field.Name] = field.Value;
        }
        if (extra.Count > 0) type.GetProperty("ExtraProperties")!.SetValue(made, extra);
        return made;
    }
}
