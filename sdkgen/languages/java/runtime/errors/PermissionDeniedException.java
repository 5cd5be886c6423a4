package com.llmgateway.errors;

/** 403: the key, its owner or a guardrail does not allow it. */
public class PermissionDeniedException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public PermissionDeniedException(ErrorDetails details) {
        super(details);
    }
}
