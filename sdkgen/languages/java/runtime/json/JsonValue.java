package com.llmgateway.json;

/**
 * A JSON value (RFC 8259), immutable. Numbers keep the text they had on the wire and objects the order of their
 * members, so that what was parsed is written again unchanged.
 */
public sealed interface JsonValue permits JsonArray, JsonBoolean, JsonNull, JsonNumber, JsonObject, JsonString {
    /** The value as JSON text without white space. */
    default String toJson() {
        StringBuilder out = new StringBuilder();
        JsonWriter.write(this, out);
        return out.toString();
    }

    /** The kind of value in the words of the RFC, for messages. */
    String kind();

    /**
     * Reads one JSON text.
     *
     * @throws JsonException when it is not exactly one well-formed value
     */
    static JsonValue parse(String text) {
        return new JsonParser(text).parse();
    }
}
