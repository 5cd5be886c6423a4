package com.llmgateway.core;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.util.Locale;
import java.util.Set;
import java.util.StringJoiner;

/**
 * Writes what goes over the wire to the logger {@code com.llmgateway}, at level DEBUG, without bodies and without
 * secrets.
 */
final class RequestLog {
    private static final Logger LOGGER = System.getLogger("com.llmgateway");
    private static final Set<String> SECRET = Set.of("authorization", "x-api-key", "api-key", "cookie", "set-cookie",
            "proxy-authorization", "idempotency-key");

    private RequestLog() {
    }

    static void sent(HttpRequest request, int retry) {
        if (LOGGER.isLoggable(Level.DEBUG)) {
            LOGGER.log(Level.DEBUG, "{0} {1} (repeat {2}) {3}", request.method(), request.uri(), retry,
                    redacted(request.headers()));
        }
    }

    static void answered(int status, HttpHeaders headers) {
        if (LOGGER.isLoggable(Level.DEBUG)) {
            LOGGER.log(Level.DEBUG, "{0} {1}", status, redacted(headers));
        }
    }

    static void repeats(RetryEvent event) {
        LOGGER.log(Level.DEBUG, "repeat {0} in {1}: {2}", event.retry(), event.delay(), event.cause().getMessage());
    }

    /** All headers on one line, values of secret ones as asterisks. */
    static String redacted(HttpHeaders headers) {
        StringJoiner all = new StringJoiner(", ", "{", "}");
        headers.map().forEach((name, values) -> all.add(name + ": "
                + (SECRET.contains(name.toLowerCase(Locale.ROOT)) ? "***" : String.join(", ", values))));
        return all.toString();
    }
}
