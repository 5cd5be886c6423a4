package com.llmgateway.errors;

/** Everything that this library throws on account of a call; wrong arguments are IllegalArgumentException. */
public class LlmGatewayException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** With a message and what led to it, which may be null. */
    public LlmGatewayException(String message, Throwable cause) {
        super(message, cause);
    }
}
