package com.llmgateway.errors;

/** 401: no key, or one that is mistyped, expired or revoked. */
public class AuthenticationFailedException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public AuthenticationFailedException(ErrorDetails details) {
        super(details);
    }
}
