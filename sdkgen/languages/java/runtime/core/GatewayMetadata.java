package com.llmgateway.core;

import java.math.BigDecimal;
import java.net.http.HttpHeaders;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the gateway says about a call beside its answer. Everything is optional: which headers there are depends on the
 * call, and a header that is not as documented counts as absent.
 *
 * @param headers the headers of the answer
 * @param streamCost what the end of a stream said about its cost, since its headers were sent before it was known
 */
public record GatewayMetadata(HttpHeaders headers, Optional<BigDecimal> streamCost) {
    private static final Pattern DURATION =
            Pattern.compile("(?:(\\d+)h)?(?:(\\d+)m(?!s))?(?:(\\d+(?:\\.\\d+)?)s)?(?:(\\d+(?:\\.\\d+)?)ms)?");

    /** The id of the request in the gateway's logs and ledger. */
    public Optional<String> requestId() {
        return text("x-request-id");
    }

    /** The cost of the answering attempt, in the price's currency; empty when no price is known. */
    public Optional<BigDecimal> cost() {
        return streamCost.or(() -> decimal("x-gateway-cost"));
    }

    /** The slug of the provider that answered. */
    public Optional<String> provider() {
        return text("x-gateway-provider");
    }

    /** The name of the model that answered. */
    public Optional<String> model() {
        return text("x-gateway-model");
    }

    /** {@code hit}, {@code miss} or {@code bypass} of the response cache. */
    public Optional<String> cache() {
        return text("x-gateway-cache");
    }

    /** Whether the answer came out of the response cache. */
    public boolean isCacheHit() {
        return cache().filter("hit"::equals).isPresent();
    }

    /** How close the question of a cache hit by meaning was, as a cosine. */
    public Optional<BigDecimal> cacheSimilarity() {
        return decimal("x-gateway-cache-similarity");
    }

    /** How old an answer from the cache is. */
    public Optional<Duration> age() {
        OptionalLong seconds = number("age");
        return seconds.isPresent() ? Optional.of(Duration.ofSeconds(seconds.getAsLong())) : Optional.empty();
    }

    /** How many providers were tried, the one that answered included; 0 for an answer from the cache. */
    public OptionalInt attempts() {
        OptionalLong count = number("x-gateway-attempts");
        return count.isPresent() ? OptionalInt.of((int) count.getAsLong()) : OptionalInt.empty();
    }

    /** The fields of the request that the provider cannot express and that were left out. */
    public List<String> dropped() {
        return list("x-gateway-dropped");
    }

    /** {@code name=action} of each guardrail that found something. */
    public List<String> guardrails() {
        return list("x-gateway-guardrail");
    }

    /** Whether this is the stored answer of an earlier call with the same Idempotency-Key. */
    public boolean isReplay() {
        return text("x-gateway-idempotent-replay").filter("true"::equals).isPresent();
    }

    /** The request that made the call, when this answer is its replay. */
    public Optional<String> originalRequestId() {
        return text("x-gateway-original-request-id");
    }

    /** The id of the budget that binds. */
    public Optional<String> budget() {
        return text("x-gateway-budget");
    }

    /** When the budget that is used up begins anew. */
    public Optional<OffsetDateTime> budgetResetsAt() {
        try {
            return text("x-gateway-budget-resets-at").map(OffsetDateTime::parse);
        } catch (DateTimeParseException error) {
            return Optional.empty();
        }
    }

    /** The limit on output tokens that the rest of a budget pays for. */
    public OptionalLong outputCap() {
        return number("x-gateway-output-cap");
    }

    /** The limit on requests. */
    public Optional<RateLimit> requestLimit() {
        return limit("requests");
    }

    /** The limit on tokens. */
    public Optional<RateLimit> tokenLimit() {
        return limit("tokens");
    }

    private Optional<RateLimit> limit(String kind) {
        OptionalLong limit = number("x-ratelimit-limit-" + kind);
        OptionalLong remaining = number("x-ratelimit-remaining-" + kind);
        Optional<Duration> reset = text("x-ratelimit-reset-" + kind).flatMap(GatewayMetadata::duration);
        return limit.isPresent() && remaining.isPresent() && reset.isPresent()
                ? Optional.of(new RateLimit(limit.getAsLong(), remaining.getAsLong(), reset.get()))
                : Optional.empty();
    }

    /** {@code 1.250s}, {@code 6m0s}, {@code 20ms}: as the gateway and OpenAI write them. */
    private static Optional<Duration> duration(String text) {
        Matcher parts = DURATION.matcher(text);
        if (text.isEmpty() || !parts.matches()) {
            return Optional.empty();
        }
        BigDecimal millis = part(parts, 1, 3_600_000).add(part(parts, 2, 60_000)).add(part(parts, 3, 1_000))
                .add(part(parts, 4, 1));
        return Optional.of(Duration.ofNanos(millis.movePointRight(6).longValue()));
    }

    private static BigDecimal part(Matcher parts, int group, long millis) {
        String digits = parts.group(group);
        return digits == null ? BigDecimal.ZERO : new BigDecimal(digits).multiply(BigDecimal.valueOf(millis));
    }

    private Optional<String> text(String name) {
        return headers.firstValue(name);
    }

    private OptionalLong number(String name) {
        try {
            return headers.firstValueAsLong(name);
        } catch (NumberFormatException error) {
            return OptionalLong.empty();
        }
    }

    private Optional<BigDecimal> decimal(String name) {
        try {
            return text(name).map(BigDecimal::new);
        } catch (NumberFormatException error) {
            return Optional.empty();
        }
    }

    private List<String> list(String name) {
        return text(name).map(all -> List.of(all.strip().split("\\s*,\\s*"))).orElse(List.of());
    }
}
