package com.llmgateway.errors;

/** 429: a limit is used up; {@link #retryAfter()} says until when. */
public class RateLimitedException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public RateLimitedException(ErrorDetails details) {
        super(details);
    }
}
