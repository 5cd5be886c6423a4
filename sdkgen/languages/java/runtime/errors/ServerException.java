package com.llmgateway.errors;

/** 5xx: the gateway or the provider failed. */
public class ServerException extends ApiException {
    private static final long serialVersionUID = 1L;

    /** With what the answer said. */
    public ServerException(ErrorDetails details) {
        super(details);
    }
}
