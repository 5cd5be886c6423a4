package com.llmgateway.errors;

/** The caller gave the call up: its thread was interrupted (and still is), or its stream was closed by another one. */
public final class CancelledException extends LlmGatewayException {
    private static final long serialVersionUID = 1L;

    /** With what led to it. */
    public CancelledException(Throwable cause) {
        super("The call was cancelled.", cause);
    }
}
