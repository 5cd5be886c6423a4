package com.llmgateway.json;

/** {@code null}, which is not the same as an absent member; see {@link Maybe}. */
public enum JsonNull implements JsonValue {
    /** The only one. */
    INSTANCE;

    @Override
    public String kind() {
        return "null";
    }

    @Override
    public String toString() {
        return "null";
    }
}
