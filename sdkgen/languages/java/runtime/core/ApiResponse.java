package com.llmgateway.core;

import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** A whole answer: its value, and all that HTTP and the gateway said with it. */
public final class ApiResponse<T> {
    private final T value;
    private final int status;
    private final HttpHeaders headers;
    private final byte[] body;
    private final int retries;

    ApiResponse(T value, int status, HttpHeaders headers, byte[] body, int retries) {
        this.retries = retries;
        this.value = value;
        this.status = status;
        this.headers = headers;
        this.body = body;
    }

    /** The decoded answer; null where the method answers nothing. */
    public T value() {
        return value;
    }

    /** The HTTP status. */
    public int status() {
        return status;
    }

    /** All headers. */
    public HttpHeaders headers() {
        return headers;
    }

    /** Cost, provider, cache, attempts and limits. */
    public GatewayMetadata gateway() {
        return new GatewayMetadata(headers, Optional.empty());
    }

    /** How often this client repeated the call. */
    public int retries() {
        return retries;
    }

    /** The body as it came. */
    public byte[] bytes() {
        return body.clone();
    }

    /** The body as text. */
    public String text() {
        return new String(body, StandardCharsets.UTF_8);
    }
}
