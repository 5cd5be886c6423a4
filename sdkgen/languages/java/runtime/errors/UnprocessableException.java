package com.llmgateway.errors;

/** 422: well-formed, and cannot be done. */
public class UnprocessableException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public UnprocessableException(ErrorDetails details) {
        super(details);
    }
}
