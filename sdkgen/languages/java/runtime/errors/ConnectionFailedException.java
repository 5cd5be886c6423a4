package com.llmgateway.errors;

/** No answer came, or not all of it: refused, cut, not resolved, TLS. */
public class ConnectionFailedException extends LlmGatewayException {
    private static final long serialVersionUID = 1L;

    private final boolean isSent;

    /** With a message, whether the server may have seen the request, and what led to it. */
    public ConnectionFailedException(String message, boolean isSent, Throwable cause) {
        super(message, cause);
        this.isSent = isSent;
    }

    /** Whether the server may have seen the request; if not, the call was certainly not made. */
    public boolean isSent() {
        return isSent;
    }
}
