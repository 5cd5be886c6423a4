package com.llmgateway.core;

import com.llmgateway.json.JsonArray;
import com.llmgateway.json.JsonNull;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.stream.Collectors;

/** One call as a resource prepares it: HTTP before settings, keys and repeats. */
public final class ApiRequest {
    /** With which key a call is made. */
    public enum Auth {
        /** With a virtual key. */
        KEY,
        /** With a management key. */
        MANAGEMENT,
        /** Without. */
        NONE
    }

    /** Methods that may be sent twice: they change nothing, or the same once more (RFC 9110, section 9.2.2). */
    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS", "PUT", "DELETE");

    private final String method;
    private final String template;
    private final Map<String, String> path = new LinkedHashMap<>();
    private final Map<String, String> query = new LinkedHashMap<>();
    private final Map<String, String> headers = new LinkedHashMap<>();
    private RequestBody body;
    private boolean isIdempotent;
    private Auth auth = Auth.KEY;
    private String helper = "";

    /** With the HTTP method and a path such as {@code /v1/files/{file_id}}. */
    public ApiRequest(String method, String template) {
        this.method = method;
        this.template = template;
    }

    /**
     * Fills a parameter of the path in.
     *
     * @throws IllegalArgumentException for an empty one and for dots, which would make it another path
     */
    public ApiRequest path(String name, Object value) {
        String text = String.valueOf(value);
        if (value == null || text.isEmpty() || text.equals(".") || text.equals("..")) {
            throw new IllegalArgumentException("Not possible as " + name + ": '" + text + "'");
        }
        path.put(name, text);
        return this;
    }

    /** Adds parameters; arrays are joined by commas, {@code null} is left out. */
    public ApiRequest query(JsonObject parameters) {
        put(parameters, query);
        return this;
    }

    /** Adds a parameter. */
    public ApiRequest query(String name, String value) {
        query.put(name, value);
        return this;
    }

    /** Adds headers. */
    public ApiRequest headers(JsonObject parameters) {
        put(parameters, headers);
        return this;
    }

    /** Sets the body. */
    public ApiRequest body(RequestBody content) {
        body = content;
        return this;
    }

    /** Sets a JSON body. */
    public ApiRequest json(JsonValue content) {
        return body(new RequestBody.Json(content));
    }

    /** The gateway honours an Idempotency-Key here, so the call gets one and may be repeated. */
    public ApiRequest idempotent() {
        isIdempotent = true;
        return this;
    }

    /** Says with which key the call is made; with a virtual one unless said. */
    public ApiRequest auth(Auth kind) {
        auth = kind;
        return this;
    }

    /** Names the helper that makes the call, for {@code X-Gateway-SDK}. */
    ApiRequest via(String name) {
        helper = name;
        return this;
    }

    String method() {
        return method;
    }

    RequestBody body() {
        return body;
    }

    boolean isIdempotent() {
        return isIdempotent;
    }

    Auth auth() {
        return auth;
    }

    boolean isSafe() {
        return SAFE.contains(method);
    }

    Map<String, String> headers() {
        return headers;
    }

    String helper() {
        return helper;
    }

    /** The same call with other parameters of the query. */
    ApiRequest withQuery(Map<String, String> other) {
        ApiRequest copy = new ApiRequest(method, template);
        copy.path.putAll(path);
        copy.headers.putAll(headers);
        copy.body = body;
        copy.isIdempotent = isIdempotent;
        copy.auth = auth;
        copy.helper = helper;
        copy.query.putAll(other);
        return copy;
    }

    Map<String, String> query() {
        return query;
    }

    URI uri(URI base, Map<String, String> more) {
        String filled = template;
        for (Map.Entry<String, String> one : path.entrySet()) {
            filled = filled.replace("{" + one.getKey() + "}", encoded(one.getValue()));
        }
        Map<String, String> all = new LinkedHashMap<>(query);
        all.putAll(more);
        String asked = all.entrySet().stream().map(one -> encoded(one.getKey()) + "=" + encoded(one.getValue()))
                .collect(Collectors.joining("&"));
        return URI.create(base + filled + (asked.isEmpty() ? "" : "?" + asked));
    }

    private static void put(JsonObject parameters, Map<String, String> target) {
        parameters.members().forEach((name, value) -> {
            if (value instanceof JsonArray array) {
                StringJoiner joined = new StringJoiner(",");
                array.forEach(item -> joined.add(MultipartForm.plain(item)));
                target.put(name, joined.toString());
            } else if (value != JsonNull.INSTANCE) {
                target.put(name, MultipartForm.plain(value));
            }
        });
    }

    /** Percent-encodes all but the unreserved characters of RFC 3986. */
    static String encoded(String text) {
        StringBuilder out = new StringBuilder(text.length());
        for (byte octet : text.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (octet & 0xff);
            if (c < 128 && (Character.isLetterOrDigit(c) || "-._~".indexOf(c) >= 0)) {
                out.append(c);
            } else {
                out.append('%').append(Character.toUpperCase(Character.forDigit(c >> 4, 16)))
                        .append(Character.toUpperCase(Character.forDigit(c & 15, 16)));
            }
        }
        return out.toString();
    }
}
