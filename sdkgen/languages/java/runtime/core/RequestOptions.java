package com.llmgateway.core;

import com.llmgateway.json.JsonValue;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.StringJoiner;

/** What differs from the client's settings in one call. Immutable; each method gives a changed copy. */
public final class RequestOptions {
    /** Nothing differs. */
    public static final RequestOptions NONE = new RequestOptions(Map.of(), Map.of(), Map.of(), null, -1);

    private final Map<String, String> headers;
    private final Map<String, String> query;
    private final Map<String, JsonValue> body;
    private final Timeouts timeouts;
    private final int maxRetries;

    private RequestOptions(Map<String, String> headers, Map<String, String> query, Map<String, JsonValue> body,
            Timeouts timeouts, int maxRetries) {
        this.headers = headers;
        this.query = query;
        this.body = body;
        this.timeouts = timeouts;
        this.maxRetries = maxRetries;
    }

    /** Sets a header, instead of the client's own of that name. */
    public RequestOptions header(String name, String value) {
        return new RequestOptions(with(headers, name, value), query, body, timeouts, maxRetries);
    }

    /** Adds a parameter that the method does not have. */
    public RequestOptions query(String name, String value) {
        return new RequestOptions(headers, with(query, name, value), body, timeouts, maxRetries);
    }

    /** Adds a member to a JSON body that its class does not have. */
    public RequestOptions bodyMember(String name, JsonValue value) {
        return new RequestOptions(headers, query, with(body, name, value), timeouts, maxRetries);
    }

    /** Other time limits; that for connecting stays the client's. */
    public RequestOptions timeouts(Timeouts limits) {
        return new RequestOptions(headers, query, body, limits, maxRetries);
    }

    /** Another number of repeats; 0 for none. */
    public RequestOptions maxRetries(int count) {
        if (count < 0) {
            throw new IllegalArgumentException("A negative number of repeats: " + count);
        }
        return new RequestOptions(headers, query, body, timeouts, count);
    }

    /** A key of the caller's choice: whoever sends it again within 24 hours gets the same answer, billed once. */
    public RequestOptions idempotencyKey(String key) {
        return header("Idempotency-Key", key);
    }

    /** Tags for the ledger line; values without commas. */
    public RequestOptions tags(Map<String, String> tags) {
        StringJoiner all = new StringJoiner(",");
        tags.forEach((name, value) -> all.add(name + "=" + value));
        return header("X-Gateway-Tags", all.toString());
    }

    /** The person behind the call. */
    public RequestOptions endUser(String name) {
        return header("X-Gateway-End-User", name);
    }

    /** {@code no-cache}, {@code no-store} or {@code max-age=N} for the response cache. */
    public RequestOptions cache(String directive) {
        return header("X-Gateway-Cache", directive);
    }

    /** A routing strategy, where the route allows callers to choose. */
    public RequestOptions route(String strategy) {
        return header("X-Gateway-Route", strategy);
    }

    /** The slug of the organization, for callers of the management API who belong to several. */
    public RequestOptions organization(String slug) {
        return header("X-Organization", slug);
    }

    Map<String, String> headers() {
        return headers;
    }

    Map<String, String> query() {
        return query;
    }

    Map<String, JsonValue> body() {
        return body;
    }

    Optional<Timeouts> timeouts() {
        return Optional.ofNullable(timeouts);
    }

    OptionalInt maxRetries() {
        return maxRetries < 0 ? OptionalInt.empty() : OptionalInt.of(maxRetries);
    }

    private static <T> Map<String, T> with(Map<String, T> map, String name, T value) {
        Map<String, T> changed = new LinkedHashMap<>(map);
        changed.put(name, value);
        return changed;
    }
}
