package com.llmgateway.errors;

import com.llmgateway.json.JsonArray;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonString;
import com.llmgateway.json.JsonValue;
import java.net.http.HttpHeaders;
import java.time.Duration;
import java.util.Optional;

/**
 * What an error answer said.
 *
 * @param status the HTTP status
 * @param headers all headers
 * @param body the body; as a string when it is no JSON
 * @param requestId from the headers or the body; null when there is none
 * @param documentationUrl the page about the code; empty when there is none
 * @param retryAfter how long to wait, when the answer says so
 */
public record ErrorDetails(int status, HttpHeaders headers, JsonValue body, String requestId, String documentationUrl,
        Optional<Duration> retryAfter) {
    private static final int LONGEST_MESSAGE = 2_000;

    /**
     * The error itself, of any of the three forms: {@code {"error": {…}}} (OpenAI's and Anthropic's), a problem
     * document (RFC 9457), an event {@code {"type": "error", "code": …}}.
     */
    public JsonObject error() {
        if (body instanceof JsonObject whole) {
            return whole.get("error") instanceof JsonObject inner ? inner : whole;
        }
        return JsonObject.EMPTY;
    }

    /** The stable word to program against. */
    public Optional<String> code() {
        return string("code");
    }

    /** The field that is at fault: the error's {@code param}, or the first of a problem document's {@code errors}. */
    public Optional<String> param() {
        Optional<String> said = string("param");
        if (said.isEmpty() && error().get("errors") instanceof JsonArray all && !all.items().isEmpty()
                && all.items().get(0) instanceof JsonObject first) {
            return first.string("field");
        }
        return said;
    }

    /** What happened and what to do, in the server's words; empty when it said nothing. */
    public String message() {
        if (body instanceof JsonString text) {
            return text.value().strip();
        }
        return string("message").or(() -> string("detail")).or(() -> string("title")).orElse("");
    }

    /** A member of the error that is a string. */
    public Optional<String> string(String name) {
        return error().string(name);
    }

    /** One line: status, code, message, request id, page. */
    String describe() {
        StringBuilder said = new StringBuilder().append(status);
        code().ifPresent(code -> said.append(' ').append(code));
        String message = message();
        if (!message.isEmpty()) {
            said.append(": ")
                    .append(message.length() > LONGEST_MESSAGE ? message.substring(0, LONGEST_MESSAGE) + "…" : message);
        }
        if (requestId != null) {
            said.append(" (request ").append(requestId).append(')');
        }
        return documentationUrl.isEmpty() ? said.toString() : said.append(" – ").append(documentationUrl).toString();
    }
}
