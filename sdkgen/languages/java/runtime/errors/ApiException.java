package com.llmgateway.errors;

import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import java.net.http.HttpHeaders;
import java.time.Duration;
import java.util.Optional;

/**
 * The gateway, or the provider behind it, answered with an error. There is a subclass for each usual status, and below
 * it one for each {@link #code()} that callers handle on its own.
 */
public class ApiException extends LlmGatewayException {
    private static final long serialVersionUID = 1L;

    private final transient ErrorDetails details;

    /** With what the answer said. */
    public ApiException(ErrorDetails details) {
        super(details.describe(), null);
        this.details = details;
    }

    /** The HTTP status; 200 for an error that came as an event of a stream. */
    public int status() {
        return details.status();
    }

    /** The stable word to program against, such as {@code budget_exceeded}; empty when the answer had none. */
    public Optional<String> code() {
        return details.code();
    }

    /** The error's {@code type}: OpenAI's or Anthropic's category. */
    public Optional<String> type() {
        return details.string("type");
    }

    /** The field of the request that is at fault, where one is. */
    public Optional<String> param() {
        return details.param();
    }

    /** The id of the request in the gateway's logs and ledger; null when the answer had none. */
    public String requestId() {
        return details.requestId();
    }

    /** What happened and what to do, in the words of the gateway; empty when it said nothing. */
    public String detail() {
        return details.message();
    }

    /** The page that says what the code means and what helps; empty when the client knows none. */
    public String documentationUrl() {
        return details.documentationUrl();
    }

    /** How long the gateway asks to wait before the call is made again. */
    public Optional<Duration> retryAfter() {
        return details.retryAfter();
    }

    /** All headers of the answer. */
    public HttpHeaders headers() {
        return details.headers();
    }

    /** The body; as a string when it is no JSON. */
    public JsonValue body() {
        return details.body();
    }

    /** The error itself: the body's member {@code error}, or a problem document whole. */
    public JsonObject error() {
        return details.error();
    }

    /** All of it, for subclasses and tests. */
    public ErrorDetails details() {
        return details;
    }
}
