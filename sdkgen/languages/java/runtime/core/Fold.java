package com.llmgateway.core;

import com.llmgateway.json.JsonArray;
import com.llmgateway.json.JsonException;
import com.llmgateway.json.JsonNull;
import com.llmgateway.json.JsonNumber;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonString;
import com.llmgateway.json.JsonValue;
import java.util.Optional;
import java.util.Set;

/**
 * Adds events up. What is not as documented is passed over: the events themselves were handed out, and a sum must not
 * fail what reading them did not.
 */
final class Fold {
    /** Words that every chunk repeats whole; other strings of a delta are pieces. */
    private static final Set<String> WHOLE = Set.of("id", "type", "role", "name", "object", "model");

    private final StreamFold kind;
    private final Draft sum = new Draft();
    private boolean isEmpty = true;

    Fold(StreamFold kind) {
        this.kind = kind;
    }

    void add(JsonObject event) {
        if (kind == StreamFold.NONE) {
            return;
        }
        isEmpty = false;
        switch (kind) {
            case CHAT, COMPLETION -> chunk(event);
            case RESPONSES -> response(event, event.string("type").orElse(""));
            case MESSAGES -> message(event, event.string("type").orElse(""));
            default -> throw new IllegalStateException("no way to add up " + kind);
        }
    }

    Optional<JsonObject> result() {
        return isEmpty ? Optional.empty() : Optional.of(sum.toJson());
    }

    // ---- chunks of OpenAI's chat and text completions --------------------------------------------------------------

    private void chunk(JsonObject event) {
        event.members().forEach((name, value) -> {
            if (name.equals("choices") && value instanceof JsonArray choices) {
                choices.forEach(this::choice);
            } else if (name.equals("object")) {
                sum.put(name, new JsonString(kind == StreamFold.CHAT ? "chat.completion" : "text_completion"));
            } else if (value != JsonNull.INSTANCE || !sum.has(name)) {
                sum.put(name, value);
            }
        });
    }

    private void choice(JsonValue value) {
        if (!(value instanceof JsonObject choice)) {
            return;
        }
        Draft target = sum.list("choices").draft(index(choice, "index"));
        if (kind == StreamFold.CHAT && !target.has("message")) {
            target.draft("message").put("role", new JsonString("assistant"));
        }
        choice.members().forEach((name, member) -> {
            if (name.equals("delta") && member instanceof JsonObject delta) {
                merge(target.draft("message"), delta);
            } else if (name.equals("text") && member instanceof JsonString piece) {
                target.append(name, piece.value());
            } else if (name.equals("logprobs") && member instanceof JsonObject more) {
                merge(target.draft(name), more);
            } else if (member != JsonNull.INSTANCE || !target.has(name)) {
                target.put(name, member);
            }
        });
    }

    /** Strings grow, items with an {@code index} are merged with those of the same one, other items are added. */
    private static void merge(Draft target, JsonObject delta) {
        delta.members().forEach((name, value) -> {
            if (value instanceof JsonString piece && !WHOLE.contains(name)) {
                target.append(name, piece.value());
            } else if (value instanceof JsonObject inner) {
                merge(target.draft(name), inner);
            } else if (value instanceof JsonArray items) {
                items.forEach(item -> item(target.list(name), item));
            } else if (value != JsonNull.INSTANCE || !target.has(name)) {
                target.put(name, value);
            }
        });
    }

    private static void item(DraftList list, JsonValue item) {
        if (item instanceof JsonObject object && object.get("index") instanceof JsonNumber) {
            JsonObject rest = object.toBuilder().remove("index").build();
            merge(list.draft(index(object, "index")), rest);
        } else {
            list.add(item);
        }
    }

    // ---- events of OpenAI's Responses ------------------------------------------------------------------------------

    private void response(JsonObject event, String type) {
        if (event.get("response") instanceof JsonObject whole) {
            boolean isLast = type.equals("response.completed") || type.equals("response.incomplete")
                    || type.equals("response.failed");
            whole.members().forEach((name, value) -> {
                if (isLast || !name.equals("output")) {
                    sum.put(name, value);
                }
            });
            return;
        }
        DraftList output = sum.list("output");
        int at = index(event, "output_index");
        switch (type) {
            case "response.output_item.added", "response.output_item.done" -> output.set(at, event.get("item"));
            case "response.content_part.added", "response.content_part.done" ->
                output.draft(at).list("content").set(index(event, "content_index"), event.get("part"));
            case "response.output_text.delta" -> part(output.draft(at), event).append("text", piece(event, "delta"));
            case "response.refusal.delta" -> part(output.draft(at), event).append("refusal", piece(event, "delta"));
            case "response.function_call_arguments.delta" ->
                output.draft(at).append("arguments", piece(event, "delta"));
            default -> {
                // it adds nothing
            }
        }
    }

    private static Draft part(Draft item, JsonObject event) {
        return item.list("content").draft(index(event, "content_index"));
    }

    // ---- events of Anthropic's Messages ----------------------------------------------------------------------------

    private void message(JsonObject event, String type) {
        switch (type) {
            case "message_start" -> {
                if (event.get("message") instanceof JsonObject message) {
                    message.members().forEach(sum::put);
                }
            }
            case "content_block_start" ->
                sum.list("content").set(index(event, "index"), event.get("content_block"));
            case "content_block_delta" -> {
                if (event.get("delta") instanceof JsonObject delta) {
                    block(sum.list("content").draft(index(event, "index")), delta);
                }
            }
            case "content_block_stop" -> input(sum.list("content").draft(index(event, "index")));
            case "message_delta" -> {
                if (event.get("delta") instanceof JsonObject delta) {
                    delta.members().forEach(sum::put);
                }
                if (event.get("usage") instanceof JsonObject usage) {
                    usage.members().forEach(sum.draft("usage")::put);
                }
            }
            default -> {
                // it adds nothing
            }
        }
    }

    private static void block(Draft block, JsonObject delta) {
        switch (delta.string("type").orElse("")) {
            case "text_delta" -> block.append("text", piece(delta, "text"));
            case "thinking_delta" -> block.append("thinking", piece(delta, "thinking"));
            case "signature_delta" -> block.append("signature", piece(delta, "signature"));
            case "input_json_delta" -> block.append("partial_json", piece(delta, "partial_json"));
            case "citations_delta" -> block.list("citations").add(delta.get("citation"));
            default -> {
                // it adds nothing
            }
        }
    }

    /** The input of a tool came as pieces of JSON text. */
    private static void input(Draft block) {
        String text = block.take("partial_json");
        if (text.isEmpty()) {
            return;
        }
        try {
            block.put("input", JsonValue.parse(text));
        } catch (JsonException error) {
            block.put("input", new JsonString(text));
        }
    }

    private static String piece(JsonObject event, String name) {
        return event.string(name).orElse("");
    }

    private static int index(JsonObject object, String name) {
        boolean isIndex = object.get(name) instanceof JsonNumber number && number.literal().matches("\\d{1,4}");
        return isIndex ? Integer.parseInt(((JsonNumber) object.get(name)).literal()) : 0;
    }
}
