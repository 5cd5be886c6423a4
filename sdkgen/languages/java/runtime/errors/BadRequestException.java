package com.llmgateway.errors;

/** 400, and other refusals of what was sent; {@link #param()} or the message names what is at fault. */
public class BadRequestException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public BadRequestException(ErrorDetails details) {
        super(details);
    }
}
