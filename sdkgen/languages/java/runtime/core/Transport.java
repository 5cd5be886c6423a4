package com.llmgateway.core;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;

/**
 * Sends one HTTP request: the place to put a recorder, a mock or another HTTP library. Repeats, errors and decoding are
 * above it. Implementations serve several threads at once.
 */
@FunctionalInterface
public interface Transport {
    /**
     * Sends a request and returns when the head of the answer is there. Reads of the body throw {@link PhaseTimeout}
     * when a limit passes and {@link java.io.InterruptedIOException} when the thread is interrupted; closing it before
     * its end gives the exchange up.
     */
    Reply send(HttpRequest request, Limits limits) throws IOException, InterruptedException;

    /**
     * The head of an answer, and its body as it arrives.
     *
     * @param status the HTTP status
     * @param headers all headers
     * @param body the body, to be closed
     */
    record Reply(int status, HttpHeaders headers, InputStream body) {
    }

    /**
     * How long an exchange may take.
     *
     * @param timeouts the limits of its phases
     * @param deadline when all has to be over
     */
    record Limits(Timeouts timeouts, Deadline deadline) {
    }
}
