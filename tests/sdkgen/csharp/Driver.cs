// The driver of the C# package: see tests/sdkgen/conformance/README.md. It is compiled together with the package, so that
// it can leave the pauses out.
namespace LlmGateway.Conformance;

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
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
            case "chat.create": return Answered(await client.Chat.Completions.CreateAsync(Binding.Bind<ChatCompletionRequest>(args), options, cancel));
            case "chat.stream": return await Streamed(await client.Chat.Completions.CreateStreamAsync(Binding.Bind<ChatCompletionRequest>(args), options, cancel), events);
            case "responses.stream": return await Streamed(await client.Responses.CreateStreamAsync(Binding.Bind<ResponseRequest>(args), options, cancel), events);
            case "messages.stream": return await Streamed(await client.Messages.CreateStreamAsync(Binding.Bind<MessageRequest>(args), options, cancel), events);
            case "embeddings.create": return Answered(await client.Embeddings.CreateAsync(Binding.Bind<EmbeddingRequest>(args), options, cancel));
            case "feedback.create": return Answered(await client.Feedback.CreateAsync(Binding.Bind<FeedbackRequest>(args), options, cancel));
            case "models.get": return Answered(await client.Models.GetAsync(Take("model"), options, cancel));
            case "keys.create": return Answered(await client.Manage.ApiKeys.CreateAsync(Binding.Bind<KeyRequest>(args), options, cancel));
            case "keys.update": return Answered(await client.Manage.ApiKeys.UpdateAsync(Take("id"), Binding.Bind<PatchedKeyLimitsRequest>(args), options, cancel));
            case "keys.delete":
                await client.Manage.Annotations.DeleteAsync(Take("id"), options, cancel);
                return new() { ["answer"] = null };
            case "keys.list": return await Listed(await client.Manage.ApiKeys.ListAsync(Binding.Bind<ManageApiKeysListParams>(args), options, cancel));
            case "files.list": return await Listed(await client.Files.ListAsync(Binding.Bind<FilesListParams>(args), options, cancel));
            case "files.content":
                return new() { ["text"] = Encoding.UTF8.GetString((await client.Files.ContentAsync(Take("file_id"), options, cancel)).Bytes.ToArray()) };
            case "files.create":
                var file = Upload.Bytes("file.jsonl", Encoding.UTF8.GetBytes(Take("file")));
                return Answered(await client.Files.CreateAsync(Binding.Bind<FileRequest>(args) with { File = file }, options, cancel));
            case "analytics.query":
                var found = await client.Manage.Admin.Analytics.QueryAsync(Binding.Bind<SemanticQueryRequest>(args), options, cancel);
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
}
