package com.llmgateway.core;

import com.llmgateway.json.JsonArray;
import com.llmgateway.json.JsonNull;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonString;
import com.llmgateway.json.JsonValue;
import java.util.LinkedHashMap;
import java.util.Map;

/** A JSON object that grows: its strings are appended to without being copied. */
final class Draft {
    /** Each a JsonValue, a StringBuilder, a Draft or a DraftList. */
    private final Map<String, Object> members = new LinkedHashMap<>();

    boolean has(String name) {
        return members.containsKey(name);
    }

    void put(String name, JsonValue value) {
        members.put(name, value);
    }

    void append(String name, String piece) {
        Object there = members.get(name);
        if (there instanceof StringBuilder text) {
            text.append(piece);
        } else {
            members.put(name, new StringBuilder(there instanceof JsonString text ? text.value() : "").append(piece));
        }
    }

    /** Removes a member and gives its text; empty when it is none. */
    String take(String name) {
        Object there = members.remove(name);
        return there instanceof StringBuilder text ? text.toString() : "";
    }

    /** The object in a member, for growing. */
    Draft draft(String name) {
        Draft draft = of(members.get(name));
        members.put(name, draft);
        return draft;
    }

    /** The array in a member, for growing. */
    DraftList list(String name) {
        DraftList list;
        if (members.get(name) instanceof DraftList there) {
            list = there;
        } else {
            list = new DraftList();
            if (members.get(name) instanceof JsonArray array) {
                array.forEach(list::add);
            }
        }
        members.put(name, list);
        return list;
    }

    JsonObject toJson() {
        JsonObject.Builder built = JsonObject.builder();
        members.forEach((name, value) -> built.put(name, frozen(value)));
        return built.build();
    }

    /** What is there, as something that grows; empty when it is no object. */
    static Draft of(Object there) {
        if (there instanceof Draft draft) {
            return draft;
        }
        Draft draft = new Draft();
        if (there instanceof JsonObject object) {
            draft.members.putAll(object.members());
        }
        return draft;
    }

    static JsonValue frozen(Object value) {
        if (value instanceof StringBuilder text) {
            return new JsonString(text.toString());
        }
        if (value instanceof Draft draft) {
            return draft.toJson();
        }
        if (value instanceof DraftList list) {
            return list.toJson();
        }
        return value instanceof JsonValue json ? json : JsonNull.INSTANCE;
    }
}
