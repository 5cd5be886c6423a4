package com.llmgateway.core;

import static com.llmgateway.core.Check.equal;
import static com.llmgateway.core.Check.fails;

import com.llmgateway.core.RetryTest.Scripted;
import com.llmgateway.errors.StreamInterruptedException;
import com.llmgateway.json.Codecs;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;

final class StreamTest {
    private static final StreamRules<JsonValue, JsonObject> CHAT =
            new StreamRules<>(Codecs.ANY, false, "[DONE]", Set.of(), StreamFold.CHAT, Codecs.OBJECT);
    private static final StreamRules<JsonValue, JsonObject> MESSAGES =
            new StreamRules<>(Codecs.ANY, true, "", Set.of("message_stop"), StreamFold.MESSAGES, Codecs.OBJECT);
    private static final StreamRules<JsonValue, JsonObject> RESPONSES = new StreamRules<>(
            Codecs.ANY, true, "", Set.of("response.completed"), StreamFold.RESPONSES, Codecs.OBJECT);

    private static EventStream<JsonValue, JsonObject> open(StreamRules<JsonValue, JsonObject> rules, String body) {
        Scripted server = new Scripted().then(200, body, "x-request-id", "req_1");
        ApiRequest request = new ApiRequest("POST", "/v1/x").json(JsonObject.EMPTY).idempotent();
        EventStream<JsonValue, JsonObject> stream = server.client().stream(request, RequestOptions.NONE, rules);
        equal("text/event-stream", server.header(0, "Accept"));
        equal(true, server.header(0, "X-Gateway-SDK").endsWith("; via=stream"));
        return stream;
    }

    private static String chunk(String delta) {
        return "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":" + delta
                + ",\"finish_reason\":null}],\"usage\":null}\n\n";
    }

    private static List<String> read(EventStream<JsonValue, JsonObject> stream) {
        List<String> found = new ArrayList<>();
        stream.forEach(event -> found.add(event.toJson()));
        return found;
    }

    static void eventsComeUntilTheEndMarkAndAddUp() {
        EventStream<JsonValue, JsonObject> stream = open(CHAT, chunk("{\"role\":\"assistant\",\"content\":\"\"}")
                + chunk("{\"content\":\"Hel\"}") + chunk("{\"content\":\"lo\"}")
                + ": gateway {\"cost\":\"0.0000031500\",\"request_id\":\"req_1\"}\n\ndata: [DONE]\n\n");
        equal(3, read(stream).size());
        equal("{\"id\":\"c\",\"object\":\"chat.completion\",\"choices\":[{\"message\":"
                + "{\"role\":\"assistant\",\"content\":\"Hello\"},\"index\":0,\"finish_reason\":null}],\"usage\":null}",
                stream.partial().orElseThrow().toJson());
        equal(Optional.of(new BigDecimal("0.0000031500")), stream.gateway().cost());
        equal(Optional.of("req_1"), stream.gateway().requestId());
    }

    static void callsOfToolsAddUp() {
        String call = "{\"tool_calls\":[{\"index\":%d%s,\"function\":{%s\"arguments\":\"%s\"}}]}";
        EventStream<JsonValue, JsonObject> stream = open(CHAT,
                chunk(String.format(call, 0, ",\"id\":\"a\",\"type\":\"function\"", "\"name\":\"f\",", ""))
                        + chunk(String.format(call, 0, "", "", "{\\\"x\\\":"))
                        + chunk(String.format(call, 1, ",\"id\":\"b\",\"type\":\"function\"", "\"name\":\"g\",", "{}"))
                        + chunk(String.format(call, 0, "", "", "1}")) + "data: [DONE]\n\n");
        read(stream);
        JsonObject answer = stream.partial().orElseThrow();
        equal(true, answer.toJson().contains("\"message\":{\"role\":\"assistant\",\"tool_calls\":["
                + "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}},"
                + "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}"));
    }

    static void aStreamThatIsCutSaysWhatHadArrived() throws Exception {
        EventStream<JsonValue, JsonObject> stream =
                open(CHAT, chunk("{\"content\":\"Hel\"}") + chunk("{\"content\":\"lo\"}"));
        List<JsonValue> seen = new ArrayList<>();
        StreamInterruptedException cut =
                fails(StreamInterruptedException.class, () -> stream.forEach(seen::add));
        equal(2, seen.size());
        equal(2L, cut.events());
        equal("req_1", cut.requestId());
        equal(true, cut.partial().orElseThrow().toJson().contains("\"content\":\"Hello\""));
    }

    static void aStreamThatIsCutInsideAnEventIsCut() throws Exception {
        EventStream<JsonValue, JsonObject> stream =
                open(CHAT, chunk("{\"content\":\"a\"}") + "data: {\"id\":\"c\",\"cho");
        equal(1L, fails(StreamInterruptedException.class, () -> read(stream)).events());
    }

    static void anErrorInTheStreamIsTyped() throws Exception {
        EventStream<JsonValue, JsonObject> stream = open(CHAT, chunk("{\"content\":\"a\"}")
                + "data: {\"error\":{\"message\":\"Gone.\",\"type\":\"upstream_error\",\"param\":null,"
                + "\"code\":\"stream_interrupted\"}}\n\n: gateway {\"cost\":null,\"request_id\":\"req_1\"}\n\n"
                + "data: [DONE]\n\n");
        StreamInterruptedException cut = fails(StreamInterruptedException.class, () -> read(stream));
        equal("The stream ended early, after 1 event: Gone.", cut.getMessage());
        equal(Optional.of("stream_interrupted"), cut.code());
        equal("req_1", cut.error().orElseThrow().requestId());
        equal(RetryTest.Budget.class, fails(StreamInterruptedException.class, () -> read(open(MESSAGES,
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"code\":\"budget_exceeded\"}}\n\n")))
                .error().orElseThrow().getClass());
    }

    static void unknownEventsAreHandedOut() {
        EventStream<JsonValue, JsonObject> stream = open(MESSAGES,
                "event: brand_new\ndata: {\"type\":\"brand_new\",\"x\":1}\n\nevent: odd\ndata: [1]\n\n"
                + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        equal(List.of("{\"type\":\"brand_new\",\"x\":1}", "{\"event\":\"odd\",\"data\":[1]}",
                "{\"type\":\"message_stop\"}"), read(stream));
    }

    static void namedEventsAmongChunksAreKeptAside() {
        EventStream<JsonValue, JsonObject> stream =
                open(CHAT, "event: odd\ndata: {\"x\":1}\n\n" + chunk("{}") + "data: [DONE]\n\n");
        equal(1, read(stream).size());
        equal(List.of(new ServerSentEvent("odd", "{\"x\":1}", "")), stream.unknown());
    }

    static void anEventThatIsNoJsonEndsTheStream() throws Exception {
        fails(StreamInterruptedException.class, () -> read(open(CHAT, "data: {oops\n\ndata: [DONE]\n\n")));
    }

    static void messagesAddUp() {
        EventStream<JsonValue, JsonObject> stream = open(MESSAGES, String.join("\n\n",
                "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[],\"stop_reason\":null,"
                        + "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}",
                "data: {\"type\":\"content_block_start\",\"index\":0,"
                        + "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
                "data: {\"type\":\"content_block_delta\",\"index\":0,"
                        + "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}",
                "data: {\"type\":\"content_block_start\",\"index\":1,"
                        + "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"input\":{}}}",
                "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
                        + "\"partial_json\":\"{\\\"a\\\":\"}}",
                "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
                        + "\"partial_json\":\"1}\"}}",
                "data: {\"type\":\"content_block_stop\",\"index\":1}",
                "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                        + "\"usage\":{\"output_tokens\":9}}",
                "data: {\"type\":\"message_stop\"}", ""));
        equal("{\"id\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"tool_use\",\"id\":\"t\","
                + "\"input\":{\"a\":1}}],\"stop_reason\":\"end_turn\","
                + "\"usage\":{\"input_tokens\":3,\"output_tokens\":9}}", stream.collect().toJson());
    }

    static void responsesAddUpUntilTheyAreCut() throws Exception {
        String start = "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"output\":[]}}\n\n"
                + "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\","
                + "\"content\":[]}}\n\n"
                + "data: {\"type\":\"response.content_part.added\",\"output_index\":0,\"content_index\":0,"
                + "\"part\":{\"type\":\"output_text\",\"text\":\"\"}}\n\n"
                + "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,"
                + "\"delta\":\"Hi\"}\n\n";
        StreamInterruptedException cut =
                fails(StreamInterruptedException.class, () -> read(open(RESPONSES, start)));
        equal("{\"id\":\"r\",\"output\":[{\"type\":\"message\","
                + "\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\"}]}]}",
                cut.partial().orElseThrow().toJson());
        equal("{\"id\":\"r\",\"output\":[1]}", open(RESPONSES, start
                + "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[1]}}\n\n")
                .collect().toJson());
    }

    static void aStreamIsReadOnce() throws Exception {
        EventStream<JsonValue, JsonObject> stream = open(CHAT, "data: [DONE]\n\n");
        equal(0L, stream.stream().count());
        fails(IllegalStateException.class, stream::iterator);
        fails(NoSuchElementException.class, () -> open(CHAT, "data: [DONE]\n\n").collect());
    }

    static void hostileEventsBreakNoSum() {
        for (String data : List.of("[]", "1", "null", "{\"choices\":1}", "{\"choices\":[1]}",
                "{\"choices\":[{\"index\":-1,\"delta\":{\"content\":{},\"tool_calls\":[{\"index\":99999999999}]}}]}",
                "{\"choices\":[{\"index\":0,\"delta\":{\"content\":[]}},"
                        + "{\"index\":0,\"delta\":{\"content\":\"x\"}}]}")) {
            equal(1, read(open(CHAT, "data: " + data + "\n\ndata: [DONE]\n\n")).size());
        }
    }
}
