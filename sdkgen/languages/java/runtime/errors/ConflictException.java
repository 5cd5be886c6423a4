package com.llmgateway.errors;

/** 409: it contradicts what is, or the call with this Idempotency-Key is still running. */
public class ConflictException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public ConflictException(ErrorDetails details) {
        super(details);
    }
}
