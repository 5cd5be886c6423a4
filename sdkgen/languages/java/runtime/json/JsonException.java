package com.llmgateway.json;

/** Text that is not JSON, or JSON that is not what was expected; the message says where. */
public final class JsonException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** With a message. */
    public JsonException(String message) {
        super(message);
    }

    /** With a message and what led to it. */
    public JsonException(String message, Throwable cause) {
        super(message, cause);
    }

    /** The same, seen from the object that has the member. */
    JsonException in(String member) {
        return new JsonException(member + ": " + getMessage(), this);
    }
}
