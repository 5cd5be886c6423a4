package com.llmgateway.errors;

/** 404: there is nothing here, or not for this key. */
public class NotFoundException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public NotFoundException(ErrorDetails details) {
        super(details);
    }
}
