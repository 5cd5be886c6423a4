package com.llmgateway.json;

import java.util.function.Function;

/** How values of one type are read from JSON and written to it. */
public interface Codec<T> {
    /**
     * Reads a value.
     *
     * @throws JsonException when the JSON is of another kind
     */
    T decode(JsonValue value);

    /** Writes a value. */
    JsonValue encode(T value);

    /** A codec of two functions. */
    static <T> Codec<T> of(Function<JsonValue, ? extends T> decode, Function<? super T, ? extends JsonValue> encode) {
        return new Codec<>() {
            @Override
            public T decode(JsonValue value) {
                return decode.apply(value);
            }

            @Override
            public JsonValue encode(T value) {
                return encode.apply(value);
            }
        };
    }
}
