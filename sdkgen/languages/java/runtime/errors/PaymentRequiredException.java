package com.llmgateway.errors;

/** 402: no budget is left for the call. Never repeated by itself. */
public class PaymentRequiredException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public PaymentRequiredException(ErrorDetails details) {
        super(details);
    }
}
