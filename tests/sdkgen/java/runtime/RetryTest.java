package com.llmgateway.core;

import static com.llmgateway.core.Check.equal;
import static com.llmgateway.core.Check.fails;

import com.llmgateway.errors.ApiException;
import com.llmgateway.errors.ConnectionFailedException;
import com.llmgateway.errors.ErrorClasses;
import com.llmgateway.errors.ErrorDetails;
import com.llmgateway.errors.DecodeException;
import com.llmgateway.errors.NotFoundException;
import com.llmgateway.errors.PaymentRequiredException;
import com.llmgateway.errors.PermissionDeniedException;
import com.llmgateway.errors.RateLimitedException;
import com.llmgateway.errors.ServerException;
import com.llmgateway.json.Codecs;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.ConnectException;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

final class RetryTest {
    static final class Budget extends PaymentRequiredException {
        private static final long serialVersionUID = 1L;

        Budget(ErrorDetails details) {
            super(details);
        }
    }

    /** Answers that were prepared, requests that came, waits that were asked for. */
    static final class Scripted implements Transport {
        final Deque<Object> answers = new ArrayDeque<>();
        final List<HttpRequest> requests = new ArrayList<>();
        final List<Long> waits = new ArrayList<>();

        Scripted then(int status, String body, String... headers) {
            Map<String, List<String>> all = new java.util.HashMap<>();
            for (int i = 0; i < headers.length; i += 2) {
                all.put(headers[i], List.of(headers[i + 1]));
            }
            answers.add(new Reply(status, HttpHeaders.of(all, (name, value) -> true),
                    new ByteArrayInputStream(body.getBytes(StandardCharsets.UTF_8))));
            return this;
        }

        Scripted thenBreak(IOException error) {
            answers.add(error);
            return this;
        }

        Scripted thenBreak() {
            return thenBreak(new IOException("connection reset"));
        }

        @Override
        public Reply send(HttpRequest request, Limits limits) throws IOException {
            requests.add(request);
            Object next = answers.remove();
            if (next instanceof IOException error) {
                throw error;
            }
            return (Reply) next;
        }

        ApiClient client(Function<ClientOptions.Builder, ClientOptions.Builder> more) {
            ClientOptions.Builder options = ClientOptions.builder().environment(Map.of())
                    .baseUrl("http://gateway.test/base/").apiKey("gw-secret").transport(this).random(() -> 0.0)
                    .sleeper(time -> waits.add(time.toMillis()));
            ErrorClasses.Known budget = new ErrorClasses.Known(402, Budget::new);
            return new ApiClient(more.apply(options).build(), new SdkInfo("1.2.3", "ab12cd"),
                    new ErrorClasses("https://docs.test/errors", Map.of("budget_exceeded", budget)));
        }

        ApiClient client() {
            return client(options -> options);
        }

        String header(int request, String name) {
            return requests.get(request).headers().firstValue(name).orElse(null);
        }
    }

    private static final ApiRequest GET = new ApiRequest("GET", "/v1/models");

    private static ApiRequest post() {
        return new ApiRequest("POST", "/v1/chat/completions").json(JsonObject.EMPTY).idempotent();
    }

    private static String error(String code) {
        return "{\"error\":{\"message\":\"No.\",\"type\":\"t\",\"param\":null,\"code\":\"" + code + "\"}}";
    }

    static void waitsDoubleUpToEightSeconds() {
        Scripted server = new Scripted();
        for (int i = 0; i < 6; i++) {
            server.then(500, "");
        }
        server.then(200, "{}");
        server.client(options -> options.maxRetries(6)).call(GET, RequestOptions.NONE, Codecs.ANY);
        equal(List.of(500L, 1000L, 2000L, 4000L, 8000L, 8000L), server.waits);
    }

    static void chanceShortensWaitsByUpToAQuarter() {
        Scripted server = new Scripted().then(500, "").thenBreak().then(200, "{}");
        server.client(options -> options.random(() -> 0.999999999)).call(GET, RequestOptions.NONE, Codecs.ANY);
        equal(List.of(375L, 750L), server.waits);
    }

    static void theAnswersOwnWordAboutWaitingCounts() {
        Scripted server = new Scripted().then(429, "", "Retry-After", "3").then(429, "", "retry-after-ms", "250.5")
                .then(503, "", "Retry-After", "60").then(200, "{}");
        server.client(options -> options.maxRetries(3)).call(GET, RequestOptions.NONE, Codecs.ANY);
        equal(List.of(3000L, 250L, 60_000L), server.waits);
    }

    static void aWaitOfMoreThanAMinuteIsLeftToTheCaller() throws Exception {
        Scripted server = new Scripted().then(429, "", "Retry-After", "61");
        RateLimitedException refused = fails(RateLimitedException.class,
                () -> server.client().call(GET, RequestOptions.NONE, Codecs.ANY));
        equal(Optional.of(Duration.ofSeconds(61)), refused.retryAfter());
        equal(1, server.requests.size());
    }

    static void retryAfterMayBeADate() {
        HttpHeaders headers = HttpHeaders.of(
                Map.of("Retry-After", List.of("Wed, 21 Oct 2026 07:28:10 GMT")), (name, value) -> true);
        equal(Optional.of(Duration.ofSeconds(10)), Retries.asked(headers, Instant.parse("2026-10-21T07:28:00Z")));
        equal(Optional.of(Duration.ZERO), Retries.asked(headers, Instant.parse("2026-10-21T08:00:00Z")));
    }

    static void aPostIsRepeatedWithOneIdempotencyKey() {
        Scripted server = new Scripted().thenBreak().then(502, "").then(200, "{}");
        server.client().call(post(), RequestOptions.NONE, Codecs.ANY);
        String key = server.header(0, "Idempotency-Key");
        equal(true, key.matches("sdk-[0-9a-f-]{36}"));
        equal(key, server.header(1, "Idempotency-Key"));
        equal(key, server.header(2, "Idempotency-Key"));
    }

    static void aPostThatTheGatewayDoesNotDeduplicateIsNotRepeated() throws Exception {
        Scripted server = new Scripted().then(502, "");
        ApiRequest request = new ApiRequest("POST", "/v1/files").json(JsonObject.EMPTY);
        fails(ServerException.class, () -> server.client().call(request, RequestOptions.NONE, Codecs.ANY));
        equal(1, server.requests.size());
        equal(null, server.header(0, "Idempotency-Key"));
    }

    static void aCallersOwnKeyMakesACallRepeatable() {
        Scripted server = new Scripted().then(502, "").then(200, "{}");
        ApiRequest request = new ApiRequest("POST", "/v1/batches").json(JsonObject.EMPTY);
        server.client().call(request, RequestOptions.NONE.idempotencyKey("order-4711"), Codecs.ANY);
        equal("order-4711", server.header(1, "Idempotency-Key"));
    }

    static void repeatsCanBeSwitchedOff() throws Exception {
        Scripted server = new Scripted().then(500, "");
        fails(ServerException.class, () -> server.client().call(post(), RequestOptions.NONE.maxRetries(0), Codecs.ANY));
        equal(1, server.requests.size());
    }

    static void whatWasNotDoneIsRepeatedWithoutAKeyToo() throws Exception {
        ApiRequest request = new ApiRequest("POST", "/v1/files").json(JsonObject.EMPTY);
        Scripted limited = new Scripted().then(429, "").then(200, "{}");
        limited.client().call(request, RequestOptions.NONE, Codecs.ANY);
        equal(2, limited.requests.size());
        Scripted refused = new Scripted().thenBreak(new ConnectException("refused")).then(200, "{}");
        refused.client().call(request, RequestOptions.NONE, Codecs.ANY);
        equal(2, refused.requests.size());
        Scripted broken = new Scripted().thenBreak();
        fails(ConnectionFailedException.class, () -> broken.client().call(request, RequestOptions.NONE, Codecs.ANY));
        equal(1, broken.requests.size());
    }

    static void aCodeOfAnotherStatusIsSomebodyElsesWord() throws Exception {
        Scripted server = new Scripted().then(403, error("budget_exceeded"));
        fails(PermissionDeniedException.class, () -> server.client().call(GET, RequestOptions.NONE, Codecs.ANY));
    }

    static void a402IsNeverRepeated() throws Exception {
        Scripted server = new Scripted().then(402, error("budget_exceeded"), "x-should-retry", "true", "X-Request-ID",
                "req_1", "X-Gateway-Budget", "bud_1");
        Budget refused = fails(Budget.class, () -> server.client().call(post(), RequestOptions.NONE, Codecs.ANY));
        equal(1, server.requests.size());
        equal(Optional.of("budget_exceeded"), refused.code());
        equal(Optional.empty(), refused.param());
        equal("req_1", refused.requestId());
        equal("402 budget_exceeded: No. (request req_1) – https://docs.test/errors#budget_exceeded",
                refused.getMessage());
    }

    static void theGatewayMaySayWhetherToRepeat() throws Exception {
        Scripted server = new Scripted().then(409, error("idempotency_not_replayable"), "x-should-retry", "false");
        fails(ApiException.class, () -> server.client().call(post(), RequestOptions.NONE, Codecs.ANY));
        equal(1, server.requests.size());
        Scripted other = new Scripted().then(400, "", "x-should-retry", "true").then(200, "{}");
        other.client().call(post(), RequestOptions.NONE, Codecs.ANY);
        equal(2, other.requests.size());
    }

    static void aWaitThatWouldPassTheDeadlineIsNotBegun() throws Exception {
        Scripted server = new Scripted().then(429, error("rate_limit_exceeded"), "Retry-After", "60");
        RequestOptions hurry = RequestOptions.NONE.timeouts(Timeouts.DEFAULT.withTotal(Duration.ofSeconds(30)));
        RateLimitedException refused =
                fails(RateLimitedException.class, () -> server.client().call(GET, hurry, Codecs.ANY));
        equal(Optional.of(Duration.ofSeconds(60)), refused.retryAfter());
        equal(List.of(), server.waits);
    }

    static void repeatsAreTold() {
        List<String> told = new ArrayList<>();
        Scripted server = new Scripted().then(503, "").thenBreak().then(200, "{}");
        server.client(options -> options.onRetry(event -> told.add(event.retry() + " " + event.delay().toMillis() + " "
                + event.cause().getClass().getSimpleName()))).call(GET, RequestOptions.NONE, Codecs.ANY);
        equal(List.of("1 500 ServerException", "2 1000 ConnectionFailedException"), told);
    }

    static void telemetryIsOneHeaderThatCanBeSwitchedOff() {
        Scripted server = new Scripted().then(500, "").then(200, "{}").then(200, "{}").then(200, "{}");
        server.client().call(GET, RequestOptions.NONE, Codecs.ANY);
        String rest = "; rt=java-" + Runtime.version().feature() + "; os=linux; spec=ab12cd; try=";
        equal("java/1.2.3" + rest + "0", server.header(0, "X-Gateway-SDK"));
        equal("java/1.2.3" + rest + "1", server.header(1, "X-Gateway-SDK"));
        server.client(options -> options.telemetry(false)).call(GET, RequestOptions.NONE, Codecs.ANY);
        equal(null, server.header(2, "X-Gateway-SDK"));
        server.client(options -> options.environment(Map.of("GATEWAY_SDK_TELEMETRY", "off")))
                .call(GET, RequestOptions.NONE, Codecs.ANY);
        equal(null, server.header(3, "X-Gateway-SDK"));
    }

    static void settingsMeetInARequest() {
        Scripted server = new Scripted().then(200, "{}").then(200, "{}");
        ApiRequest request = new ApiRequest("GET", "/v1/files/{file_id}/content").path("file_id", "a/b c?é")
                .query((JsonObject) JsonValue.parse("{\"start\":\"1+1\",\"ids\":[1,\"x,y\"],\"no\":null,\"on\":true}"));
        RequestOptions asked = RequestOptions.NONE.header("X-B", "call").query("more", "&").tags(Map.of("team", "red"));
        server.client(options -> options.organization("acme").header("X-A", "client").header("X-B", "client"))
                .call(request, asked, Codecs.ANY);
        HttpRequest sent = server.requests.get(0);
        equal("http://gateway.test/base/v1/files/a%2Fb%20c%3F%C3%A9/content?start=1%2B1&ids=1%2Cx%2Cy&on=true&more=%26",
                sent.uri().toString());
        equal("Bearer gw-secret", server.header(0, "Authorization"));
        equal(null, server.header(0, "X-Organization"));
        equal("client", server.header(0, "X-A"));
        equal("call", server.header(0, "X-B"));
        equal("team=red", server.header(0, "X-Gateway-Tags"));
        equal("llm-gateway-java/1.2.3", server.header(0, "User-Agent"));
        server.client(options -> options.organization("acme").managementKey("gm-secret")).call(
                new ApiRequest("GET", "/api/v1/me").auth(ApiRequest.Auth.MANAGEMENT), RequestOptions.NONE, Codecs.ANY);
        equal("acme", server.header(1, "X-Organization"));
        equal("Bearer gm-secret", server.header(1, "Authorization"));
    }

    static void aCallWithoutItsKeySaysWhichOne() throws Exception {
        ApiRequest request = new ApiRequest("GET", "/api/v1/me").auth(ApiRequest.Auth.MANAGEMENT);
        equal("This call needs a management key: call managementKey(…), or set GATEWAY_MANAGEMENT_KEY.",
                fails(IllegalStateException.class,
                        () -> new Scripted().client().call(request, RequestOptions.NONE, Codecs.ANY)).getMessage());
    }

    static void environmentNamesAddressAndKey() {
        ClientOptions options = ClientOptions.builder().environment(Map.of("GATEWAY_BASE_URL", "https://gw.test/ ",
                "GATEWAY_API_KEY", "gw-from-environment")).build();
        equal("https://gw.test", options.baseUrl().toString());
        equal("gw-from-environment", options.apiKey());
        equal(false, options.toString().contains("gw-from"));
    }

    static void pathsCannotBeLeft() throws Exception {
        for (String id : new String[] {"", ".", "..", null}) {
            fails(IllegalArgumentException.class, () -> new ApiRequest("GET", "/v1/files/{id}").path("id", id));
        }
    }

    static void headersThatCannotBeSentAreRefused() throws Exception {
        for (String value : List.of("é", "a\r\nX-Evil: 1", "\u0000")) {
            fails(IllegalArgumentException.class,
                    () -> new Scripted().client().call(GET, RequestOptions.NONE.endUser(value), Codecs.ANY));
        }
    }

    static void metadataComesFromHeaders() {
        Scripted server = new Scripted().then(200, "{\"a\":1}", "X-Gateway-Cost", "0.0000031500", "X-Gateway-Provider",
                "openai", "X-Gateway-Cache", "hit", "X-Gateway-Attempts", "2", "X-Request-ID", "req_9",
                "x-ratelimit-limit-requests", "60", "x-ratelimit-remaining-requests", "59",
                "x-ratelimit-reset-requests", "1.250s", "x-gateway-dropped", "seed, logit_bias", "Age", "x");
        ApiResponse<JsonValue> response = server.client().call(GET, RequestOptions.NONE, Codecs.ANY);
        GatewayMetadata gateway = response.gateway();
        equal(Optional.of(new BigDecimal("0.0000031500")), gateway.cost());
        equal(Optional.of("openai"), gateway.provider());
        equal(true, gateway.isCacheHit());
        equal(2, gateway.attempts().getAsInt());
        equal(Optional.of("req_9"), gateway.requestId());
        equal(Optional.of(new RateLimit(60, 59, Duration.ofMillis(1250))), gateway.requestLimit());
        equal(Optional.empty(), gateway.tokenLimit());
        equal(List.of("seed", "logit_bias"), gateway.dropped());
        equal(Optional.empty(), gateway.age());
        equal("{\"a\":1}", response.text());
    }

    static void anAnswerThatIsNoJsonIsAnErrorOfItsOwn() throws Exception {
        Scripted server = new Scripted().then(200, "<html>", "x-request-id", "req_2");
        DecodeException error = fails(DecodeException.class,
                () -> server.client().call(GET, RequestOptions.NONE, Codecs.ANY));
        equal("req_2", error.requestId());
    }

    static void problemDocumentsAreUnderstood() throws Exception {
        Scripted server = new Scripted().then(404, "{\"type\":\"about:blank\",\"title\":\"Not Found\","
                + "\"status\":404,\"detail\":\"There is nothing here.\",\"code\":\"not_found\",\"errors\":[],"
                + "\"request_id\":\"req_3\"}");
        ApiException error = fails(NotFoundException.class,
                () -> server.client().call(GET, RequestOptions.NONE, Codecs.ANY));
        equal("404 not_found: There is nothing here. (request req_3) – https://docs.test/errors#not_found",
                error.getMessage());
    }

    static void aPageOfAProxyIsAnErrorByItsStatus() throws Exception {
        Scripted server = new Scripted().then(403, "<html>no</html>");
        ApiException error = fails(PermissionDeniedException.class,
                () -> server.client().call(GET, RequestOptions.NONE, Codecs.ANY));
        equal("<html>no</html>", error.detail());
        equal(Optional.empty(), error.code());
    }

    static void secretsAreNotLogged() {
        HttpHeaders headers = HttpHeaders.of(
                Map.of("Authorization", List.of("Bearer gw-secret"), "x-api-key", List.of("gw-secret")),
                (name, value) -> true);
        equal("{Authorization: ***, x-api-key: ***}", RequestLog.redacted(headers));
    }

    static void pagesAreNumberedOrFollowACursor() {
        Scripted server = new Scripted()
                .then(200, "{\"count\":3,\"next\":\"http://elsewhere/?page=2\",\"results\":[1,2]}")
                .then(200, "{\"count\":3,\"next\":null,\"results\":[3]}");
        Page<Long> first = Page.get(server.client(), new ApiRequest("GET", "/api/v1/x").query("page_size", "2"),
                RequestOptions.NONE, new PageRules<>(Codecs.LONG, "results", "page", "next", false));
        equal(List.of(1L, 2L, 3L), first.stream().toList());
        equal("http://gateway.test/base/api/v1/x?page_size=2&page=2", server.requests.get(1).uri().toString());

        Scripted other = new Scripted().then(200, "{\"has_more\":true,\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}")
                .then(200, "{\"has_more\":false,\"data\":[{\"id\":\"c\"}]}");
        Page<JsonObject> cursor = Page.get(other.client(), new ApiRequest("GET", "/v1/files"), RequestOptions.NONE,
                new PageRules<>(Codecs.OBJECT, "data", "after", "has_more", true));
        List<String> ids = new ArrayList<>();
        for (JsonObject each : cursor.all()) {
            ids.add(each.string("id").orElseThrow());
        }
        equal(List.of("a", "b", "c"), ids);
        equal("http://gateway.test/base/v1/files?after=b", other.requests.get(1).uri().toString());
    }

    static void brokenConnectionsAreErrorsOfTheirOwn() throws Exception {
        Scripted server = new Scripted().thenBreak();
        ConnectionFailedException error = fails(ConnectionFailedException.class,
                () -> server.client().call(GET, RequestOptions.NONE.maxRetries(0), Codecs.ANY));
        equal("connection reset", error.getCause().getMessage());
    }
}
