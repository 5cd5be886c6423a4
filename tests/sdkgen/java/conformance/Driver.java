import com.llmgateway.LlmGateway;
import com.llmgateway.core.ApiResponse;
import com.llmgateway.core.ClientOptions;
import com.llmgateway.core.EventStream;
import com.llmgateway.core.FileUpload;
import com.llmgateway.core.GatewayMetadata;
import com.llmgateway.core.RequestOptions;
import com.llmgateway.core.Timeouts;
import com.llmgateway.errors.ApiException;
import com.llmgateway.errors.ConnectionFailedException;
import com.llmgateway.errors.LlmGatewayException;
import com.llmgateway.errors.StreamInterruptedException;
import com.llmgateway.errors.TimedOutException;
import com.llmgateway.json.Codecs;
import com.llmgateway.json.JsonArray;
import com.llmgateway.json.JsonBoolean;
import com.llmgateway.json.JsonModel;
import com.llmgateway.json.JsonNull;
import com.llmgateway.json.JsonNumber;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonString;
import com.llmgateway.json.JsonValue;
import com.llmgateway.models.ChatCompletion;
import com.llmgateway.models.ChatCompletionChunk;
import com.llmgateway.models.ChatCompletionRequest;
import com.llmgateway.models.EmbeddingRequest;
import com.llmgateway.models.FeedbackRequest;
import com.llmgateway.models.FileRequest;
import com.llmgateway.models.FileRequestPurpose;
import com.llmgateway.models.FilesListParams;
import com.llmgateway.models.KeyRequest;
import com.llmgateway.models.MessageRequest;
import com.llmgateway.models.PatchedKeyLimitsRequest;
import com.llmgateway.models.ResponseRequest;
import com.llmgateway.models.SemanticQueryRequest;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Timer;
import java.util.TimerTask;

/** The driver of the Java package: see tests/sdkgen/conformance/README.md. */
public final class Driver {
    private final JsonObject said;
    private final JsonObject args;
    private final List<JsonValue> delays = new ArrayList<>();
    private final List<JsonValue> events = new ArrayList<>();
    private final JsonObject.Builder printed = JsonObject.builder();

    private Driver(JsonObject said) {
        this.said = said;
        this.args = object(said, "args");
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(new Driver((JsonObject) JsonValue.parse(line)).run().toJson());
        }
    }

    private JsonObject run() {
        printed.put("id", said.get("id"));
        JsonObject options = object(said, "options");
        Timer timer = new Timer(true);
        if (options.get("cancel_after_ms") instanceof JsonNumber after) {
            Thread caller = Thread.currentThread();
            timer.schedule(new TimerTask() {
                @Override
                public void run() {
                    caller.interrupt();
                }
            }, after.toLong());
        }
        try {
            call(client().with(options(options)));
        } catch (LlmGatewayException error) {
            printed.put("error", told(error));
        } catch (IllegalArgumentException error) { // what the JDK cannot send
            printed.put("error", JsonObject.builder().put("kind", "IllegalArgument").build());
        }
        timer.cancel();
        Thread.interrupted();
        printed.put("delays", JsonArray.of(delays));
        return events.isEmpty() ? printed.build() : printed.put("events", JsonArray.of(events)).build();
    }

    private LlmGateway client() {
        JsonObject given = object(said, "client");
        ClientOptions.Builder settings = LlmGateway.settings().environment(Map.of()).apiKey("gw-test")
                .managementKey("gw-manage").baseUrl(said.string("base_url").orElseThrow()).sleeper(time -> { })
                .onRetry(retry -> delays.add(JsonNumber.of(
                        BigDecimal.valueOf(retry.delay().toNanos()).movePointLeft(9))));
        given.optional("max_retries", Codecs.LONG).ifPresent(count -> settings.maxRetries(count.intValue()));
        given.optional("telemetry", Codecs.BOOLEAN).ifPresent(settings::telemetry);
        given.string("organization").ifPresent(settings::organization);
        strings(given, "headers").forEach(settings::header);
        return new LlmGateway(settings.build());
    }

    private static RequestOptions options(JsonObject given) {
        RequestOptions options = RequestOptions.NONE;
        for (Map.Entry<String, String> header : strings(given, "headers").entrySet()) {
            options = options.header(header.getKey(), header.getValue());
        }
        Timeouts timeouts = Timeouts.DEFAULT;
        for (Map.Entry<String, JsonValue> limit : object(given, "timeouts").members().entrySet()) {
            BigDecimal seconds = ((JsonNumber) limit.getValue()).toBigDecimal();
            Duration time = Duration.ofMillis(seconds.movePointRight(3).longValue());
            timeouts = switch (limit.getKey()) {
                case "connect" -> timeouts.withConnect(time);
                case "first_byte" -> timeouts.withFirstByte(time);
                case "idle" -> timeouts.withIdle(time);
                default -> timeouts.withTotal(time);
            };
        }
        options = options.timeouts(timeouts);
        Optional<Long> retries = given.optional("max_retries", Codecs.LONG);
        options = retries.isPresent() ? options.maxRetries(retries.get().intValue()) : options;
        Map<String, String> tags = strings(given, "tags");
        options = tags.isEmpty() ? options : options.tags(tags);
        for (Map.Entry<String, JsonValue> one : given.members().entrySet()) {
            String value = one.getValue() instanceof JsonString text ? text.value() : "";
            options = switch (one.getKey()) {
                case "idempotency_key" -> options.idempotencyKey(value);
                case "end_user" -> options.endUser(value);
                case "cache" -> options.cache(value);
                case "route" -> options.route(value);
                case "organization" -> options.organization(value);
                default -> options;
            };
        }
        return options;
    }

    private void call(LlmGateway gateway) {
        switch (said.string("operation").orElseThrow()) {
            case "chat.create" ->
                answered(gateway.chat().completions().createWithResponse(new ChatCompletionRequest(args)));
            case "chat.stream" -> streamed(gateway.chat().completions().stream(new ChatCompletionRequest(args)));
            case "responses.stream" -> streamed(gateway.responses().stream(new ResponseRequest(args)));
            case "messages.stream" -> streamed(gateway.messages().stream(new MessageRequest(args)));
            case "embeddings.create" -> answered(gateway.embeddings().createWithResponse(new EmbeddingRequest(args)));
            case "models.get" -> answered(gateway.models().getWithResponse(id("model")));
            case "feedback.create" -> answered(gateway.feedback().createWithResponse(new FeedbackRequest(args)));
            case "files.create" -> {
                FileUpload file = FileUpload.of("file.jsonl", id("file").getBytes(StandardCharsets.UTF_8));
                answered(gateway.files().createWithResponse(FileRequest.of(file, new FileRequestPurpose(id("purpose")))));
            }
            case "files.list" -> items(gateway.files().list(new FilesListParams(args)).all());
            case "files.content" -> printed.put("text",
                    new String(gateway.files().content(id("file_id")).readAllBytes(), StandardCharsets.UTF_8));
            case "keys.list" -> items(gateway.manage().apiKeys().list().all());
            case "keys.create" -> answered(gateway.manage().apiKeys().createWithResponse(new KeyRequest(args)));
            case "keys.update" -> answered(gateway.manage().apiKeys()
                    .updateWithResponse(id("id"), new PatchedKeyLimitsRequest(rest("id"))));
            case "keys.delete" -> {
                gateway.manage().annotations().delete(id("id"));
                printed.put("answer", JsonNull.INSTANCE);
            }
            case "analytics.query" ->
                answered(gateway.manage().admin().analytics().queryWithResponse(new SemanticQueryRequest(args)));
            default -> throw new IllegalArgumentException("no such operation: " + said);
        }
    }

    private void answered(ApiResponse<? extends JsonModel> response) {
        GatewayMetadata gateway = response.gateway();
        printed.put("answer", response.value().json());
        printed.put("gateway", JsonObject.builder().put("status", JsonNumber.of(response.status()))
                .put("request_id", text(gateway.requestId()))
                .put("cost", text(gateway.cost().map(BigDecimal::toPlainString)))
                .put("cache", text(gateway.cache())).put("provider", text(gateway.provider()))
                .put("attempts", gateway.attempts().isPresent()
                        ? JsonNumber.of(gateway.attempts().getAsInt()) : JsonNull.INSTANCE)
                .put("retries", JsonNumber.of(response.retries()))
                .put("replayed", JsonBoolean.of(gateway.isReplay())).build());
        if (response.value() instanceof ChatCompletion chat) {
            chat.choices().forEach(choice -> choice.message().content().orElse("")); // read by their types too
        }
    }

    private void streamed(EventStream<? extends JsonModel, ? extends JsonModel> stream) {
        StringBuilder text = new StringBuilder();
        try (stream) {
            for (JsonModel event : stream) {
                boolean isUnknown = event.getClass().getSimpleName().equals("Unknown");
                events.add(isUnknown ? new JsonString("?") : event.json());
                if (event instanceof ChatCompletionChunk chunk) {
                    chunk.choices().forEach(choice -> choice.delta().content().ifPresent(text::append));
                }
            }
            if (text.length() > 100_000) {
                events.clear();
                printed.put("text_length", JsonNumber.of(text.length()));
                return;
            }
            printed.put("text", text.toString()).put("whole", stream.partial().orElseThrow().json())
                    .put("cost", text(stream.gateway().cost().map(BigDecimal::toPlainString)));
        }
    }

    private void items(Iterable<? extends JsonModel> all) {
        List<JsonValue> found = new ArrayList<>();
        all.forEach(item -> found.add(item.json()));
        printed.put("items", JsonArray.of(found));
    }

    private static JsonObject told(LlmGatewayException error) {
        JsonObject.Builder told = JsonObject.builder()
                .put("kind", error.getClass().getSimpleName().replaceAll("Exception$", ""));
        if (error instanceof ApiException refusal) {
            told.put("status", JsonNumber.of(refusal.status())).put("code", text(refusal.code()))
                    .put("message", refusal.detail()).put("request_id", text(Optional.ofNullable(refusal.requestId())));
            refusal.retryAfter().ifPresent(wait -> told.put("retry_after_s",
                    JsonNumber.of(wait.toMillis() / 1000.0)));
        }
        if (error instanceof ConnectionFailedException failed) {
            told.put("sent", JsonBoolean.of(failed.isSent()));
        }
        if (error instanceof TimedOutException timeout) {
            told.put("phase", timeout.phase().name().toLowerCase(Locale.ROOT));
        }
        if (error instanceof StreamInterruptedException cut) {
            told.put("code", text(cut.code())).put("request_id", text(Optional.ofNullable(cut.requestId())));
            cut.partial().filter(whole -> whole.get("choices") != null).map(ChatCompletion::new)
                    .ifPresent(whole -> told.put("partial_text", whole.choices().stream()
                            .map(choice -> choice.message().content().orElse("")).reduce("", String::concat)));
        }
        return told.build();
    }

    private String id(String name) {
        return args.string(name).orElse("");
    }

    private JsonObject rest(String without) {
        return args.toBuilder().remove(without).build();
    }

    private static JsonValue text(Optional<String> value) {
        return value.isPresent() ? new JsonString(value.get()) : JsonNull.INSTANCE;
    }

    private static JsonObject object(JsonObject from, String name) {
        return from.get(name) instanceof JsonObject found ? found : JsonObject.EMPTY;
    }

    private static Map<String, String> strings(JsonObject from, String name) {
        Map<String, String> found = new LinkedHashMap<>();
        object(from, name).members().forEach((key, value) -> found.put(key, ((JsonString) value).value()));
        return found;
    }
}
