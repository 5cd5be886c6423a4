// The generated library against a real data plane with the simulated provider. GATEWAY_BASE_URL and GATEWAY_API_KEY say
// where it is.
namespace LlmGateway.Tests;

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using LlmGateway;

public sealed class GatewayTests : Tests
{
    private static readonly GatewayClient Client = new(new ClientOptions { MaxRetries = 0 });

    private static readonly IChatMessage[] Hello = { new ChatUserMessage { Content = "Say hello." } };

    private static readonly ChatTool Weather = new()
    {
        Function = new()
        {
            Name = "weather",
            Parameters = new Dictionary<string, AnyJson>
            {
                ["type"] = "object",
                ["properties"] = AnyJson.Of(new { city = new { type = "string" } }),
                ["required"] = AnyJson.Of(new[] { "city" }),
            },
        },
    };

    [Test]
    public static async Task ACallIsTypedAndSaysWhatTheGatewayDid()
    {
        var answer = await Client.Chat.Completions.CreateAsync(new() { Model = "gpt-4o-mini", Messages = Hello });
        Same("assistant", answer.Choices[0].Message.Role.ToString());
        True(answer.Choices[0].Message.Content is { Length: > 0 });
        Same(answer.Usage!.TotalTokens, answer.Usage.PromptTokens + answer.Usage.CompletionTokens);
        Same(("openai", "gpt-4o-mini", "bypass", 1, 0), (answer.Gateway!.Provider, answer.Gateway.Model, answer.Gateway.Cache, answer.Gateway.Attempts, answer.Gateway.Retries));
        True(answer.Gateway.RequestId!.StartsWith("req_", StringComparison.Ordinal));
    }

    [Test]
    public static async Task AStreamAddsUpToTheAnswer()
    {
        await using var stream = await Client.Chat.Completions.CreateStreamAsync(new() { Model = "gpt-4o-mini", Messages = Hello });
        var texts = new List<string>();
        await foreach (var chunk in stream) texts.AddRange(chunk.Choices.Select(choice => choice.Delta.Content ?? ""));
        True(texts.Count > 2);
        var whole = await stream.ResultAsync();
        Same(string.Concat(texts), whole.Choices[0].Message.Content);
        Same(("stop", "chat.completion"), (whole.Choices[0].FinishReason?.ToString(), whole.Object.ToString()));
    }

    [Test]
    public static async Task ResponsesStream()
    {
        await using var stream = await Client.Responses.CreateStreamAsync(new() { Model = "gpt-4o-mini", Input = "Say hello." });
        var events = new List<IResponseEvent>();
        await foreach (var each in stream) events.Add(each);
        True(events[0] is ResponseCreatedEvent && events.Last() is ResponseCompletedEvent && !events.Any(each => each is IUnknown));
        var text = string.Concat(events.OfType<ResponseTextDeltaEvent>().Select(each => each.Delta));
        var message = (ResponseOutputMessage)(await stream.ResultAsync()).Output.Last();
        Same(text, ((ResponseOutputText)message.Content[0]).Text);
    }

    [Test]
    public static async Task MessagesStream()
    {
        var request = new MessageRequest { Model = "gpt-4o-mini", MaxTokens = 50, Messages = new[] { new MessageTurn { Role = "user", Content = "Say hello." } } };
        var whole = await Client.Messages.CreateAsync(request);
        True(whole.Content[0] is MessageTextBlock);
        await using var stream = await Client.Messages.CreateStreamAsync(request);
        var events = new List<IMessageEvent>();
        await foreach (var each in stream) events.Add(each);
        True(events[0] is MessageStartEvent && events.Last() is MessageStopEvent);
        True(((MessageTextBlock)(await stream.ResultAsync()).Content[0]).Text.Length > 0);
    }

    [Test]
    public static async Task ToolsAreCalledAndAnswered()
    {
        var request = new ChatCompletionRequest { Model = "gpt-4o-mini", Messages = Hello, Tools = new[] { Weather }, ToolChoice = ChatToolMode.Required };
        var said = (await Client.Chat.Completions.CreateAsync(request)).Choices[0].Message;
        var call = said.ToolCalls!.Single();
        Same("weather", call.Function.Name);
        var again = await Client.Chat.Completions.CreateAsync(new()
        {
            Model = "gpt-4o-mini",
            Messages = new IChatMessage[]
            {
                Hello[0], new ChatAssistantMessage { ToolCalls = said.ToolCalls },
                new ChatToolMessage { ToolCallId = call.Id, Content = "sunny" },
            },
        });
        True(again.Choices[0].Message.Content is { Length: > 0 });
        await using var stream = await Client.Chat.Completions.CreateStreamAsync(request);
        Same("weather", (await stream.ResultAsync()).Choices[0].Message.ToolCalls![0].Function.Name);
    }

    [Test]
    public static async Task EmbeddingsAndModels()
    {
        var found = await Client.Embeddings.CreateAsync(new() { Model = "text-embedding-3-small", Input = new[] { "a", "b" }, Dimensions = 8 });
        Same("8,8", string.Join(",", found.Data.Select(each => each.EmbeddingValue.AsNumberList!.Count)));
        True((await Client.Models.ListAsync()).Data.Any(model => model.Id == "gpt-4o-mini"));
        Same("openai", (await Client.Models.GetAsync("gpt-4o-mini")).OwnedBy);
    }

    [Test]
    public static async Task ErrorsHaveTypes()
    {
        var missing = await Fails<ModelNotFoundException>(() => Client.Chat.Completions.CreateAsync(new() { Model = "no-such-model", Messages = Hello }));
        Same((404, "model_not_found", "model"), (missing.Status, missing.Code, missing.Param));
        True(missing is NotFoundException && missing.RequestId!.StartsWith("req_", StringComparison.Ordinal));
        using var stranger = new GatewayClient(new ClientOptions { ApiKey = "gw-wrong", MaxRetries = 0 });
        Same("invalid_api_key", (await Fails<AuthenticationFailedException>(() => stranger.Models.ListAsync())).Code);
        await Fails<RateLimitedException>(() => Client.Chat.Completions.CreateAsync(new() { Model = "sim-fault-error-429", Messages = Hello }));
        await Fails<UpstreamErrorException>(() => Client.Chat.Completions.CreateAsync(new() { Model = "sim-fault-error-500", Messages = Hello }));
    }

    [Test]
    public static async Task AStreamThatBreaksOffSaysWhatHadCome()
    {
        await using var stream = await Client.Chat.Completions.CreateStreamAsync(new() { Model = "sim-fault-cut-stream", Messages = Hello });
        var texts = new StringBuilder();
        var error = await Fails<StreamInterruptedException>(async () =>
        {
            await foreach (var chunk in stream) texts.Append(string.Concat(chunk.Choices.Select(choice => choice.Delta.Content)));
        });
        Same("stream_interrupted", error.Code);
        True(texts.Length > 0);
        Same(texts.ToString(), stream.Partial!.Choices[0].Message.Content);
    }

    [Test]
    public static async Task ARepeatIsBilledOnce()
    {
        var options = new RequestOptions { IdempotencyKey = "csharp-" + Guid.NewGuid() };
        var request = new ChatCompletionRequest { Model = "gpt-4o-mini", Messages = Hello };
        var first = await Client.Chat.Completions.CreateAsync(request, options);
        var again = await Client.Chat.Completions.CreateAsync(request, options);
        True(again.Gateway!.IsReplay && !first.Gateway!.IsReplay);
        Same(first.ToJson(), again.ToJson());
    }

    [Test]
    public static async Task ACallCanBeCancelledAndHasItsTime()
    {
        using var source = new CancellationTokenSource(200);
        var request = new ChatCompletionRequest { Model = "sim-fault-hang", Messages = Hello };
        await Fails<OperationCanceledException>(() => Client.Chat.Completions.CreateAsync(request, null, source.Token));
        var short_ = new RequestOptions { Timeouts = new() { FirstByte = TimeSpan.FromMilliseconds(200) } };
        Same(TimeoutPhase.FirstByte, (await Fails<TimedOutException>(() => Client.Chat.Completions.CreateAsync(request, short_))).Phase);
    }

    [Test]
    public static async Task WhatWasForgottenIsSaidBeforeAnythingIsSent()
    {
        var error = await Fails<ConfigurationException>(() => Client.Chat.Completions.CreateAsync(new() { Model = "gpt-4o-mini" }));
        Same("ChatCompletionRequest.Messages must be stated.", error.Message);
    }
}
