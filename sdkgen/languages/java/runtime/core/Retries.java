package com.llmgateway.core;

import com.llmgateway.errors.ApiException;
import com.llmgateway.errors.ConnectionFailedException;
import com.llmgateway.errors.LlmGatewayException;
import com.llmgateway.errors.TimedOutException;
import com.llmgateway.errors.TimedOutException.Phase;
import java.net.http.HttpHeaders;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.Set;
import java.util.function.DoubleSupplier;

/** Which failures are worth a repeat, and how long to wait before it. */
final class Retries {
    private static final Set<Integer> STATUSES = Set.of(408, 429, 500, 502, 503, 504, 529);
    private static final Duration FIRST = Duration.ofMillis(500);
    private static final Duration LONGEST = Duration.ofSeconds(8);
    private static final Duration LONGEST_ASKED = Duration.ofSeconds(60);
    private static final double JITTER = 0.25;

    private Retries() {
    }

    /**
     * How long to wait before a call is made again; empty when it is not. That is what the answer asks for, when it is
     * at most 60 s, else 0.5 s · 2ⁿ, up to 8 s, less up to a quarter by chance so that clients do not come back all at
     * once.
     *
     * @param isRepeatable whether the call may be made twice: it changes nothing, or carries an Idempotency-Key
     */
    static Optional<Duration> delay(
            LlmGatewayException failure, boolean isRepeatable, int retriesBefore, DoubleSupplier random) {
        if (failure instanceof ApiException refusal) {
            if (!isWorthIt(refusal) || !isRepeatable && refusal.status() != 429) {
                return Optional.empty();
            }
            Duration wait = refusal.retryAfter().orElseGet(() -> backoff(retriesBefore, random));
            return wait.compareTo(LONGEST_ASKED) > 0 ? Optional.empty() : Optional.of(wait);
        }
        boolean isWorthIt = failure instanceof ConnectionFailedException broken && (isRepeatable || !broken.isSent())
                && !(failure instanceof TimedOutException timeout && timeout.phase() == Phase.TOTAL);
        return isWorthIt ? Optional.of(backoff(retriesBefore, random)) : Optional.empty();
    }

    /** The gateway's own word ({@code x-should-retry}) counts more than the status; a 402 is never repeated. */
    private static boolean isWorthIt(ApiException refusal) {
        if (refusal.status() == 402) {
            return false;
        }
        return switch (refusal.headers().firstValue("x-should-retry").orElse("")) {
            case "true" -> true;
            case "false" -> false;
            default -> STATUSES.contains(refusal.status())
                    || refusal.code().filter("idempotency_in_flight"::equals).isPresent();
        };
    }

    private static Duration backoff(int retriesBefore, DoubleSupplier random) {
        Duration full = FIRST.multipliedBy(1L << Math.min(retriesBefore, 10));
        double millis = (full.compareTo(LONGEST) > 0 ? LONGEST : full).toMillis() * (1 - JITTER * random.getAsDouble());
        return Duration.ofNanos(Math.round(millis * 1e6));
    }

    /** {@code retry-after-ms}, or {@code Retry-After} as seconds or as a date (RFC 9110, section 10.2.3). */
    static Optional<Duration> asked(HttpHeaders headers, Instant now) {
        return headers.firstValue("retry-after-ms").flatMap(text -> number(text, 1e6))
                .or(() -> headers.firstValue("retry-after").flatMap(text -> number(text, 1e9)))
                .or(() -> headers.firstValue("retry-after").flatMap(text -> date(text, now)));
    }

    private static Optional<Duration> number(String text, double nanosEach) {
        try {
            double value = Double.parseDouble(text.strip());
            boolean isUsable = value >= 0 && Double.isFinite(value);
            return isUsable ? Optional.of(Duration.ofNanos((long) (value * nanosEach))) : Optional.empty();
        } catch (NumberFormatException error) {
            return Optional.empty();
        }
    }

    private static Optional<Duration> date(String text, Instant now) {
        try {
            Instant at = ZonedDateTime.parse(text.strip(), DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
            return Optional.of(at.isAfter(now) ? Duration.between(now, at) : Duration.ZERO);
        } catch (DateTimeException error) {
            return Optional.empty();
        }
    }
}
