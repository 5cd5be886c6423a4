package com.llmgateway.errors;

import com.llmgateway.json.JsonObject;
import java.util.Optional;

/**
 * A stream ended before its end mark: the connection broke, a time limit passed (both are the cause then), or the
 * stream carried an error, which is {@link #error()}. What had arrived was handed out already and is in
 * {@link #partial()} once more, added up. The call is not made again by itself: it would be billed again.
 */
public final class StreamInterruptedException extends ConnectionFailedException {
    private static final long serialVersionUID = 1L;

    private final long events;
    private final String requestId;
    private final transient JsonObject partial;

    /** With why and what was received; {@code partial}, {@code requestId} and {@code cause} may be null. */
    public StreamInterruptedException(
            String why, long events, JsonObject partial, String requestId, Throwable cause) {
        super("The stream ended early, after " + events + (events == 1 ? " event: " : " events: ") + why, true, cause);
        this.events = events;
        this.partial = partial;
        this.requestId = requestId;
    }

    /** The error that the stream carried; empty when it just broke. */
    public Optional<ApiException> error() {
        return getCause() instanceof ApiException error ? Optional.of(error) : Optional.empty();
    }

    /** The stable word of the error that the stream carried; its type, where it has no code. */
    public Optional<String> code() {
        return error().flatMap(error -> error.code().or(error::type));
    }

    /** How many events had arrived. */
    public long events() {
        return events;
    }

    /**
     * The answer as far as it had arrived, in the form of an answer that is not streamed; empty when the stream's
     * events do not add up to one, or none had arrived.
     */
    public Optional<JsonObject> partial() {
        return Optional.ofNullable(partial);
    }

    /** The id to name when asking for help; null when the answer had none. */
    public String requestId() {
        return requestId;
    }
}
