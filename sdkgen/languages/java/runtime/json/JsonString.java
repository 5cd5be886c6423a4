package com.llmgateway.json;

import java.util.Objects;

/** A JSON string. */
public record JsonString(String value) implements JsonValue {
    /** Refuses null, which is {@link JsonNull}. */
    public JsonString {
        Objects.requireNonNull(value, "value");
    }

    @Override
    public String kind() {
        return "string";
    }

    @Override
    public String toString() {
        return toJson();
    }
}
