package com.llmgateway.errors;

/** A successful answer that is not JSON, or not of the documented form. */
public final class DecodeException extends LlmGatewayException {
    private static final long serialVersionUID = 1L;

    private final String requestId;

    /** With a message, the request's id (may be null) and what led to it. */
    public DecodeException(String message, String requestId, Throwable cause) {
        super(message, cause);
        this.requestId = requestId;
    }

    /** The id to name when asking for help; null when the answer had none. */
    public String requestId() {
        return requestId;
    }
}
