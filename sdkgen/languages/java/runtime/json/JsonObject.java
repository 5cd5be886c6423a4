package com.llmgateway.json;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** A JSON object; members keep their order. Two are equal when their members are, in any order. */
public final class JsonObject implements JsonValue {
    /** {@code {}}. */
    public static final JsonObject EMPTY = new JsonObject(Map.of());

    private final Map<String, JsonValue> members;

    private JsonObject(Map<String, JsonValue> members) {
        this.members = Collections.unmodifiableMap(members);
    }

    /** An object with these members, in the map's order. */
    public static JsonObject of(Map<String, ? extends JsonValue> members) {
        return new JsonObject(new LinkedHashMap<>(members));
    }

    /** Takes a map that its maker forgets. */
    static JsonObject owning(Map<String, JsonValue> members) {
        return new JsonObject(members);
    }

    /** An empty builder. */
    public static Builder builder() {
        return new Builder(new LinkedHashMap<>());
    }

    /** A builder that begins with these members. */
    public Builder toBuilder() {
        return new Builder(new LinkedHashMap<>(members));
    }

    /** A copy with a member set to a value of the codec. */
    public <T> JsonObject with(String name, Codec<T> codec, T value) {
        return toBuilder().put(name, codec, value).owned();
    }

    /** A copy with a member set to a value or {@code null}, or removed. */
    public <T> JsonObject with(String name, Codec<T> codec, Maybe<T> value) {
        return toBuilder().put(name, codec, value).owned();
    }

    /** The members, unmodifiable. */
    public Map<String, JsonValue> members() {
        return members;
    }

    /** The value of a member; null when there is none ({@link JsonNull} when it is {@code null}). */
    public JsonValue get(String name) {
        return members.get(name);
    }

    /** The string of a member; empty when it is absent or something else. */
    public Optional<String> string(String name) {
        return members.get(name) instanceof JsonString text ? Optional.of(text.value()) : Optional.empty();
    }

    /**
     * A member that has to be there.
     *
     * @throws JsonException when it is absent or not what the codec reads
     */
    public <T> T required(String name, Codec<T> codec) {
        JsonValue value = members.get(name);
        if (value == null) {
            throw new JsonException("member \"" + name + "\" is missing");
        }
        return decode(name, value, codec);
    }

    /** A member that may be absent or {@code null}, which is the same here. */
    public <T> Optional<T> optional(String name, Codec<T> codec) {
        JsonValue value = members.get(name);
        return value == null || value == JsonNull.INSTANCE ? Optional.empty() : Optional.of(decode(name, value, codec));
    }

    /** A member that may be absent, {@code null} or a value, which differ. */
    public <T> Maybe<T> maybe(String name, Codec<T> codec) {
        JsonValue value = members.get(name);
        if (value == null) {
            return Maybe.absent();
        }
        return value == JsonNull.INSTANCE ? Maybe.ofNull() : Maybe.of(decode(name, value, codec));
    }

    private static <T> T decode(String name, JsonValue value, Codec<T> codec) {
        try {
            return codec.decode(value);
        } catch (JsonException error) {
            throw error.in(name);
        }
    }

    @Override
    public String kind() {
        return "object";
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof JsonObject object && members.equals(object.members);
    }

    @Override
    public int hashCode() {
        return members.hashCode();
    }

    @Override
    public String toString() {
        return toJson();
    }

    /** Collects members; not safe for several threads. */
    public static final class Builder {
        private final Map<String, JsonValue> members;

        private Builder(Map<String, JsonValue> members) {
            this.members = members;
        }

        /** Sets a member; one of the same name keeps its place. */
        public Builder put(String name, JsonValue value) {
            members.put(name, value);
            return this;
        }

        /** Sets a member to a string. */
        public Builder put(String name, String value) {
            return put(name, new JsonString(value));
        }

        /** Sets a member to a value of the codec. */
        public <T> Builder put(String name, Codec<T> codec, T value) {
            return put(name, codec.encode(value));
        }

        /** Sets a member to a value or {@code null}, or removes it. */
        public <T> Builder put(String name, Codec<T> codec, Maybe<T> value) {
            if (value.isAbsent()) {
                return remove(name);
            }
            return put(name, value.isNull() ? JsonNull.INSTANCE : codec.encode(value.get()));
        }

        /** Takes a member away. */
        public Builder remove(String name) {
            members.remove(name);
            return this;
        }

        /** The object, which takes the members; the builder is not used again. */
        private JsonObject owned() {
            return new JsonObject(members);
        }

        /**
         * The object.
         *
         * @param required names that must have been set
         * @throws IllegalStateException that names those which were not
         */
        public JsonObject build(String... required) {
            StringBuilder missing = new StringBuilder();
            for (String name : required) {
                if (!members.containsKey(name)) {
                    missing.append(missing.isEmpty() ? "" : ", ").append(name);
                }
            }
            if (!missing.isEmpty()) {
                throw new IllegalStateException("not set: " + missing);
            }
            return new JsonObject(new LinkedHashMap<>(members));
        }
    }
}
