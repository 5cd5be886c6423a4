package com.llmgateway.json;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;

/** A JSON array. */
public final class JsonArray implements JsonValue, Iterable<JsonValue> {
    private final List<JsonValue> items;

    private JsonArray(List<JsonValue> items) {
        this.items = Collections.unmodifiableList(items);
    }

    /** An array of these values. */
    public static JsonArray of(List<? extends JsonValue> items) {
        return new JsonArray(new ArrayList<>(items));
    }

    /** Takes a list that its maker forgets. */
    static JsonArray owning(List<JsonValue> items) {
        return new JsonArray(items);
    }

    /** The values, unmodifiable. */
    public List<JsonValue> items() {
        return items;
    }

    /** Each value put through a function, as an unmodifiable list. */
    public <T> List<T> map(Function<? super JsonValue, ? extends T> function) {
        List<T> mapped = new ArrayList<>(items.size());
        for (JsonValue item : items) {
            mapped.add(function.apply(item));
        }
        return Collections.unmodifiableList(mapped);
    }

    @Override
    public Iterator<JsonValue> iterator() {
        return items.iterator();
    }

    @Override
    public String kind() {
        return "array";
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof JsonArray array && items.equals(array.items);
    }

    @Override
    public int hashCode() {
        return items.hashCode();
    }

    @Override
    public String toString() {
        return toJson();
    }
}
