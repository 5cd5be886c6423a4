package com.llmgateway.core;

import com.llmgateway.json.JsonArray;
import com.llmgateway.json.JsonValue;
import java.util.Map;
import java.util.TreeMap;

/** A JSON array that grows at given places; places that were left out are not there in the end. */
final class DraftList {
    private final TreeMap<Integer, Object> items = new TreeMap<>();

    void add(JsonValue item) {
        Map.Entry<Integer, Object> last = items.lastEntry();
        set(last == null ? 0 : last.getKey() + 1, item);
    }

    void set(int index, JsonValue item) {
        if (item != null) {
            items.put(index, item);
        }
    }

    /** The object at a place, for growing. */
    Draft draft(int index) {
        Draft draft = Draft.of(items.get(index));
        items.put(index, draft);
        return draft;
    }

    JsonArray toJson() {
        return JsonArray.of(items.values().stream().map(Draft::frozen).toList());
    }
}
