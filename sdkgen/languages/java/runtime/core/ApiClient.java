package com.llmgateway.core;

import com.llmgateway.errors.ApiException;
import com.llmgateway.errors.ErrorClasses;
import com.llmgateway.errors.ErrorDetails;
import com.llmgateway.errors.DecodeException;
import com.llmgateway.errors.LlmGatewayException;
import com.llmgateway.json.Codec;
import com.llmgateway.json.JsonException;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonString;
import com.llmgateway.json.JsonValue;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.zip.GZIPInputStream;

/**
 * Makes calls: settings, keys, repeats, errors, decoding. Resources prepare {@link ApiRequest}s for it. Safe for
 * several threads.
 */
public final class ApiClient {
    private static final int LONGEST_ERROR = 1024 * 1024;
    private static final String IDEMPOTENCY_KEY = "Idempotency-Key";

    /** Reads the JSON of an answer of a status. */
    @FunctionalInterface
    public interface ByStatus<T> {
        /** The value. */
        T decode(int status, JsonValue json);
    }

    /** Reads an answer whose status says success. */
    @FunctionalInterface
    private interface Reader<T> {
        T read(Transport.Reply reply, int retry) throws IOException;
    }

    /** What all attempts have in common: the request without its body, and the body, which each makes anew. */
    private record Prepared(HttpRequest head, RequestBody body) {
    }

    private final ClientOptions options;
    private final SdkInfo sdk;
    private final ErrorClasses errors;
    private ExecutorService executor;

    /** With settings, versions, and the classes of errors. */
    public ApiClient(ClientOptions options, SdkInfo sdk, ErrorClasses errors) {
        this.options = options;
        this.sdk = sdk;
        this.errors = errors;
        this.executor = options.executor().orElse(null);
    }

    /** Makes a call that answers JSON. */
    public <T> ApiResponse<T> call(ApiRequest request, RequestOptions asked, Codec<T> codec) {
        return call(request, asked, (status, json) -> codec.decode(json));
    }

    /** Makes a call that answers JSON, whose type depends on the status. */
    public <T> ApiResponse<T> call(ApiRequest request, RequestOptions asked, ByStatus<T> decoder) {
        return exchange(request, asked, "application/json", (reply, retry) -> {
            byte[] body = whole(reply);
            T value = decoded(decoder, reply.status(), new String(body, StandardCharsets.UTF_8), reply.headers());
            return new ApiResponse<>(value, reply.status(), reply.headers(), body, retry);
        });
    }

    /** Makes a call that answers text. */
    public ApiResponse<String> callForText(ApiRequest request, RequestOptions asked) {
        return exchange(request, asked, "*/*", (reply, retry) -> {
            byte[] body = whole(reply);
            return new ApiResponse<>(new String(body, StandardCharsets.UTF_8), reply.status(), reply.headers(), body, retry);
        });
    }

    /** Makes a call of which only success or failure matters. */
    public ApiResponse<Void> callForNothing(ApiRequest request, RequestOptions asked) {
        return exchange(request, asked, "application/json",
                (reply, retry) -> new ApiResponse<>(null, reply.status(), reply.headers(), whole(reply), retry));
    }

    /** Makes a call that answers a file. */
    public BinaryResponse callForFile(ApiRequest request, RequestOptions asked) {
        return exchange(request, asked, "*/*", (reply, retry) -> new BinaryResponse(reply));
    }

    /** Makes a call that answers events. Once the first byte is there, nothing is repeated. */
    public <E, A> EventStream<E, A> stream(ApiRequest request, RequestOptions asked, StreamRules<E, A> rules) {
        return exchange(request.via("stream"), asked, "text/event-stream",
                (reply, retry) -> new EventStream<>(reply, rules, this::streamError));
    }

    /** Runs a call on another thread. Cancelling the future interrupts it, which gives the exchange up. */
    public <T> CompletableFuture<T> async(Supplier<T> call) {
        CompletableFuture<T> future = new CompletableFuture<>();
        Future<?> task = threads().submit(() -> {
            try {
                future.complete(call.get());
            } catch (Throwable error) {
                future.completeExceptionally(error);
            }
        });
        future.whenComplete((value, error) -> {
            if (future.isCancelled()) {
                task.cancel(true);
            }
        });
        return future;
    }

    private synchronized ExecutorService threads() {
        if (executor == null) {
            executor = Executors.newCachedThreadPool(work -> {
                Thread thread = new Thread(work, "llm-gateway");
                thread.setDaemon(true);
                return thread;
            });
        }
        return executor;
    }

    // ---- one call and its repeats ----------------------------------------------------------------------------------

    private <T> T exchange(ApiRequest request, RequestOptions asked, String accept, Reader<T> reader) {
        Timeouts timeouts = asked.timeouts().orElse(options.timeouts());
        Transport.Limits limits = new Transport.Limits(timeouts, Deadline.in(timeouts.total()));
        int retries = asked.maxRetries().orElse(options.maxRetries());
        Prepared prepared = prepared(request, asked, accept);
        boolean isRepeatable = request.isSafe() || prepared.head().headers().firstValue(IDEMPOTENCY_KEY).isPresent();
        boolean canRewind = prepared.body() == null || prepared.body().isRepeatable();
        for (int retry = 0;; retry++) {
            try {
                return attempt(prepared, sdk.header(retry, request.helper()), retry, limits, reader);
            } catch (LlmGatewayException failure) {
                Optional<Duration> delay = retry < retries && canRewind
                        ? Retries.delay(failure, isRepeatable, retry, options.random()) : Optional.empty();
                pause(new RetryEvent(retry + 1, delay.orElseThrow(() -> failure), failure), limits);
            }
        }
    }

    /** Waits before a repeat, or throws the failure when the wait would pass the deadline. */
    private void pause(RetryEvent event, Transport.Limits limits) {
        if (limits.deadline().isBefore(event.delay())) {
            throw event.cause();
        }
        RequestLog.repeats(event);
        options.onRetry().accept(event);
        try {
            options.sleeper().sleep(event.delay());
        } catch (InterruptedException error) {
            throw Failures.of(error);
        }
    }

    private <T> T attempt(
            Prepared prepared, String telemetry, int retry, Transport.Limits limits, Reader<T> reader) {
        HttpRequest.Builder builder = HttpRequest.newBuilder(prepared.head(), (name, value) -> true);
        if (prepared.body() != null) {
            builder.method(prepared.head().method(), prepared.body().publisher());
        }
        if (options.hasTelemetry()) {
            builder.setHeader("X-Gateway-SDK", telemetry);
        }
        HttpRequest sent = builder.build();
        RequestLog.sent(sent, retry);
        try {
            Transport.Reply reply = unzipped(options.transport().send(sent, limits));
            RequestLog.answered(reply.status(), reply.headers());
            if (reply.status() < 200 || reply.status() >= 300) {
                throw refusal(reply);
            }
            return reader.read(reply, retry);
        } catch (IOException error) {
            throw Failures.of(error);
        } catch (InterruptedException error) {
            throw Failures.of(error);
        }
    }

    private Prepared prepared(ApiRequest request, RequestOptions asked, String accept) {
        HttpRequest.Builder builder = HttpRequest.newBuilder(request.uri(options.baseUrl(), asked.query()));
        boolean isPlain = "http".equalsIgnoreCase(options.baseUrl().getScheme());
        builder.version(isPlain ? HttpClient.Version.HTTP_1_1 : HttpClient.Version.HTTP_2);
        builder.setHeader("Accept", accept).setHeader("User-Agent", sdk.userAgent());
        authorize(builder, request.auth());
        if (request.isIdempotent()) {
            set(builder, IDEMPOTENCY_KEY, "sdk-" + UUID.randomUUID());
        }
        RequestBody body = request.body() instanceof RequestBody.Json json ? json.with(asked.body()) : request.body();
        builder.method(request.method(), BodyPublishers.noBody());
        if (body != null) {
            builder.setHeader("Content-Type", body.contentType());
        }
        options.headers().forEach((name, value) -> set(builder, name, value));
        request.headers().forEach((name, value) -> set(builder, name, value));
        asked.headers().forEach((name, value) -> set(builder, name, value));
        return new Prepared(builder.build(), body);
    }

    private void authorize(HttpRequest.Builder builder, ApiRequest.Auth auth) {
        if (auth == ApiRequest.Auth.NONE) {
            return;
        }
        boolean isManagement = auth == ApiRequest.Auth.MANAGEMENT;
        String key = isManagement ? options.managementKey() : options.apiKey();
        if (key == null) {
            throw new IllegalStateException(isManagement
                    ? "This call needs a management key: call managementKey(…), or set GATEWAY_MANAGEMENT_KEY."
                    : "This call needs a key: call apiKey(…), or set GATEWAY_API_KEY.");
        }
        set(builder, "Authorization", "Bearer " + key);
        if (isManagement && options.organization() != null) {
            set(builder, "X-Organization", options.organization());
        }
    }

    /** Header values are ASCII here: the JDK would send a question mark for anything else. */
    private static void set(HttpRequest.Builder builder, String name, String value) {
        if (!value.chars().allMatch(c -> c >= ' ' && c < 127 || c == '\t')) {
            throw new IllegalArgumentException("The header " + name + " can carry visible ASCII characters only.");
        }
        builder.setHeader(name, value);
    }

    // ---- answers ---------------------------------------------------------------------------------------------------

    private static Transport.Reply unzipped(Transport.Reply reply) throws IOException {
        boolean isZipped = reply.headers().firstValue("content-encoding").filter("gzip"::equalsIgnoreCase).isPresent();
        return isZipped
                ? new Transport.Reply(reply.status(), reply.headers(), new GZIPInputStream(reply.body())) : reply;
    }

    private static byte[] whole(Transport.Reply reply) throws IOException {
        try (InputStream body = reply.body()) {
            return body.readAllBytes();
        }
    }

    private static <T> T decoded(ByStatus<T> decoder, int status, String text, HttpHeaders headers) {
        try {
            return decoder.decode(status, JsonValue.parse(text));
        } catch (JsonException error) {
            String id = headers.firstValue("x-request-id").orElse(null);
            throw new DecodeException("The answer is not as documented: " + error.getMessage(), id, error);
        }
    }

    private ApiException refusal(Transport.Reply reply) throws IOException {
        byte[] said;
        try (InputStream body = reply.body()) {
            said = body.readNBytes(LONGEST_ERROR);
        }
        String text = new String(said, StandardCharsets.UTF_8);
        try {
            return error(reply.status(), reply.headers(), JsonValue.parse(text));
        } catch (JsonException error) {
            return error(reply.status(), reply.headers(), new JsonString(text)); // such as the page of a proxy
        }
    }

    private ApiException streamError(HttpHeaders headers, JsonObject event) {
        return error(200, headers, event);
    }

    private ApiException error(int status, HttpHeaders headers, JsonValue body) {
        Optional<String> inBody = body instanceof JsonObject object ? object.string("request_id") : Optional.empty();
        String id = headers.firstValue("x-request-id").or(() -> inBody).orElse(null);
        Optional<Duration> wait = Retries.asked(headers, Instant.now());
        ErrorDetails unlinked = new ErrorDetails(status, headers, body, id, "", wait);
        return errors.make(new ErrorDetails(status, headers, body, id, errors.page(unlinked), wait));
    }
}
