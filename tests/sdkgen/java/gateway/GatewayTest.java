package com.llmgateway.core;

import static com.llmgateway.core.Check.equal;
import static com.llmgateway.core.Check.fails;

import com.llmgateway.LlmGateway;
import com.llmgateway.errors.AuthenticationFailedException;
import com.llmgateway.errors.CancelledException;
import com.llmgateway.errors.ModelNotFoundException;
import com.llmgateway.errors.NotFoundException;
import com.llmgateway.errors.RateLimitedException;
import com.llmgateway.errors.ServerException;
import com.llmgateway.errors.StreamInterruptedException;
import com.llmgateway.errors.TimedOutException;
import com.llmgateway.errors.UpstreamException;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import com.llmgateway.models.AvailableModel;
import com.llmgateway.models.ChatAssistantMessage;
import com.llmgateway.models.ChatCompletion;
import com.llmgateway.models.ChatCompletionRequest;
import com.llmgateway.models.ChatFunction;
import com.llmgateway.models.ChatTool;
import com.llmgateway.models.ChatToolCall;
import com.llmgateway.models.ChatToolMessage;
import com.llmgateway.models.ChatUserMessage;
import com.llmgateway.models.EmbeddingRequest;
import com.llmgateway.models.EmbeddingVector;
import com.llmgateway.models.MessageEvent;
import com.llmgateway.models.MessageRequest;
import com.llmgateway.models.MessageStartEvent;
import com.llmgateway.models.MessageStopEvent;
import com.llmgateway.models.MessageTextBlock;
import com.llmgateway.models.MessageTurn;
import com.llmgateway.models.ResponseCompletedEvent;
import com.llmgateway.models.ResponseCreatedEvent;
import com.llmgateway.models.ResponseEvent;
import com.llmgateway.models.ResponseRequest;
import com.llmgateway.models.ResponseTextDeltaEvent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The generated package against a real gateway, whose address and key are in the environment. */
final class GatewayTest {
    private static final LlmGateway GATEWAY = new LlmGateway(LlmGateway.settings().maxRetries(0).build());
    private static final ChatTool WEATHER = ChatTool.of(ChatFunction.of("weather").parameters(((JsonObject) JsonValue.parse(
            "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}")).members()));

    private static ChatCompletionRequest hello(String model) {
        return ChatCompletionRequest.of(List.of(ChatUserMessage.of("Say hello.")), model);
    }

    private static ChatCompletionRequest hello() {
        return hello("gpt-4o-mini");
    }

    private static String text(ChatCompletion answer) {
        return answer.choices().get(0).message().content().orElse("");
    }

    static void aCallIsTypedAndSaysWhatTheGatewayDid() {
        ApiResponse<ChatCompletion> response = GATEWAY
                .with(RequestOptions.NONE.tags(Map.of("feature", "greet")).endUser("zoe"))
                .chat().completions().createWithResponse(hello());
        GatewayMetadata gateway = response.gateway();
        equal(200, response.status());
        equal(Optional.of("openai"), gateway.provider());
        equal(Optional.of("gpt-4o-mini"), gateway.model());
        equal(Optional.of("bypass"), gateway.cache());
        equal(1, gateway.attempts().orElse(0));
        equal(false, text(response.value()).isEmpty());
        equal("assistant", response.value().choices().get(0).message().role());
        equal(response.text(), response.value().json().toJson());
        System.out.println("request " + gateway.requestId().orElseThrow());
    }

    static void aStreamAddsUpToTheAnswer() {
        StringBuilder text = new StringBuilder();
        try (var stream = GATEWAY.chat().completions().stream(hello())) {
            stream.forEach(chunk -> chunk.choices()
                    .forEach(choice -> choice.delta().content().ifPresent(text::append)));
            ChatCompletion whole = stream.partial().orElseThrow();
            equal(text.toString(), text(whole));
            equal("stop", whole.choices().get(0).finishReason().orElseThrow().value());
            equal("chat.completion", whole.object());
        }
        equal(false, text.isEmpty());
    }

    static void responsesStream() {
        try (var stream = GATEWAY.responses().stream(ResponseRequest.of("gpt-4o-mini").input("Say hello."))) {
            List<ResponseEvent> events = stream.stream().toList();
            equal(true, events.get(0) instanceof ResponseCreatedEvent);
            equal(true, events.get(events.size() - 1) instanceof ResponseCompletedEvent);
            equal(List.of(), events.stream().filter(event -> event instanceof ResponseEvent.Unknown).toList());
            String text = events.stream().filter(event -> event instanceof ResponseTextDeltaEvent)
                    .map(event -> ((ResponseTextDeltaEvent) event).delta()).reduce("", String::concat);
            equal(true, stream.partial().orElseThrow().json().toJson().contains(text));
        }
    }

    static void messagesStream() {
        MessageRequest request =
                MessageRequest.of(50, List.of(MessageTurn.of("Say hello.", "user")), "gpt-4o-mini");
        equal(true, GATEWAY.messages().create(request).content().get(0) instanceof MessageTextBlock);
        try (var stream = GATEWAY.messages().stream(request)) {
            List<MessageEvent> events = new ArrayList<>();
            stream.forEach(events::add);
            equal(true, events.get(0) instanceof MessageStartEvent);
            equal(true, events.get(events.size() - 1) instanceof MessageStopEvent);
            equal(true, stream.partial().orElseThrow().content().get(0) instanceof MessageTextBlock);
        }
    }

    static void tools() {
        ChatCompletionRequest request = hello().tools(List.of(WEATHER)).toolChoice("required");
        var message = GATEWAY.chat().completions().create(request).choices().get(0).message();
        ChatToolCall call = message.toolCalls().orElseThrow().get(0);
        equal("weather", call.function().name());

        ChatCompletion again = GATEWAY.chat().completions().create(ChatCompletionRequest.of(List.of(
                ChatUserMessage.of("Say hello."), new ChatAssistantMessage(message.json()),
                ChatToolMessage.of("sunny", call.id())), "gpt-4o-mini"));
        equal(false, text(again).isEmpty());

        ChatCompletion folded = GATEWAY.chat().completions().stream(request).collect();
        equal("weather", folded.choices().get(0).message().toolCalls().orElseThrow().get(0).function().name());
    }

    static void embeddingsAndModels() {
        var found = GATEWAY.embeddings()
                .create(EmbeddingRequest.of(List.of("a", "b"), "text-embedding-3-small").dimensions(8));
        found.data().forEach(one -> equal(8, ((EmbeddingVector.OfListOfDouble) one.embedding()).value().size()));
        equal(2, found.data().size());
        equal(true, GATEWAY.models().list().data().stream().map(AvailableModel::id).anyMatch("gpt-4o-mini"::equals));
        equal("openai", GATEWAY.models().get("gpt-4o-mini").ownedBy());
    }

    static void errorsHaveTypes() throws Exception {
        ModelNotFoundException error = fails(ModelNotFoundException.class,
                () -> GATEWAY.chat().completions().create(hello("no-such-model")));
        equal(404, error.status());
        equal(Optional.of("model_not_found"), error.code());
        equal(Optional.of("model"), error.param());
        equal(true, error.requestId().startsWith("req_"));
        equal(true, NotFoundException.class.isInstance(error));
        LlmGateway stranger = new LlmGateway(LlmGateway.settings().apiKey("gw-wrong").build());
        equal(Optional.of("invalid_api_key"),
                fails(AuthenticationFailedException.class, () -> stranger.models().list()).code());
        fails(RateLimitedException.class, () -> GATEWAY.chat().completions().create(hello("sim-fault-error-429")));
        fails(UpstreamException.class, () -> GATEWAY.chat().completions().create(hello("sim-fault-error-500")));
    }

    static void aStreamThatBreaksOffSaysWhatHadCome() throws Exception {
        StringBuilder text = new StringBuilder();
        StreamInterruptedException cut = fails(StreamInterruptedException.class,
                () -> GATEWAY.chat().completions().stream(hello("sim-fault-cut-stream")).forEach(chunk -> chunk.choices()
                        .forEach(choice -> choice.delta().content().ifPresent(text::append))));
        equal(Optional.of("stream_interrupted"), cut.code());
        equal(text.toString(), text(new ChatCompletion(cut.partial().orElseThrow())));
        equal(false, text.isEmpty());
    }

    static void aRepeatIsBilledOnce() throws Exception {
        List<Integer> told = new ArrayList<>();
        LlmGateway patient = new LlmGateway(LlmGateway.settings().sleeper(time -> { })
                .onRetry(event -> told.add(event.retry())).build());
        fails(ServerException.class, () -> patient.chat().completions().create(hello("sim-fault-error-500")));
        equal(List.of(1, 2), told);

        LlmGateway once = GATEWAY.with(RequestOptions.NONE.idempotencyKey("java-once-1"));
        ApiResponse<ChatCompletion> first = once.chat().completions().createWithResponse(hello());
        ApiResponse<ChatCompletion> again = once.chat().completions().createWithResponse(hello());
        equal(true, again.gateway().isReplay());
        equal(first.gateway().requestId(), again.gateway().originalRequestId());
        equal(first.value(), again.value());
        System.out.println("once " + first.gateway().requestId().orElseThrow());
    }

    static void aCallCanBeGivenUp() throws Exception {
        CompletableFuture<Void> given = new CompletableFuture<>();
        Thread caller = new Thread(() -> {
            try {
                GATEWAY.chat().completions().create(hello("sim-fault-hang"));
            } catch (CancelledException error) {
                given.complete(null);
            }
        });
        caller.start();
        caller.join(200);
        caller.interrupt();
        given.get(30, TimeUnit.SECONDS);
    }

    static void timeLimitsSayTheirPhase() throws Exception {
        Timeouts limits = Timeouts.DEFAULT.withFirstByte(Duration.ofMillis(200));
        equal(TimedOutException.Phase.FIRST_BYTE, fails(TimedOutException.class, () -> GATEWAY
                .with(RequestOptions.NONE.timeouts(limits).maxRetries(0)).chat().completions()
                .create(hello("sim-fault-hang"))).phase());
    }

    static void asynchronousCalls() throws Exception {
        List<CompletableFuture<ChatCompletion>> calls = List.of(
                GATEWAY.chat().completions().createAsync(hello()), GATEWAY.chat().completions().createAsync(hello()));
        for (CompletableFuture<ChatCompletion> call : calls) {
            equal(false, text(call.get(30, TimeUnit.SECONDS)).isEmpty());
        }
    }

    static void anOperationThatIsNotKnown() {
        JsonValue models = GATEWAY.request("GET", "/v1/models", null).value();
        equal(true, ((JsonObject) models).get("data") != null);
    }
}
