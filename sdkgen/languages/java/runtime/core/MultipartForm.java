package com.llmgateway.core;

import com.llmgateway.json.JsonArray;
import com.llmgateway.json.JsonNull;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonString;
import com.llmgateway.json.JsonValue;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A form with files (RFC 7578). Its parts keep their order. */
public final class MultipartForm {
    private record Part(String name, String text, FileUpload file) {
    }

    private final List<Part> parts = new ArrayList<>();

    /** Adds a field. */
    public MultipartForm field(String name, String value) {
        parts.add(new Part(name, value, null));
        return this;
    }

    /** Adds a file. */
    public MultipartForm file(String name, FileUpload file) {
        parts.add(new Part(name, null, file));
        return this;
    }

    /**
     * Adds the members of an object as fields: words and numbers as they are, an array as one field for each
     * item, objects as JSON; {@code null} is left out.
     */
    public MultipartForm fields(JsonObject members) {
        members.members().forEach((name, value) -> {
            if (value instanceof JsonArray array) {
                array.forEach(item -> field(name, plain(item)));
            } else if (value != JsonNull.INSTANCE) {
                field(name, plain(value));
            }
        });
        return this;
    }

    /** A JSON value as text without the quotes of a string. */
    static String plain(JsonValue value) {
        return value instanceof JsonString text ? text.value() : value.toJson();
    }

    boolean isRepeatable() {
        return parts.stream().allMatch(part -> part.file() == null || part.file().isRepeatable());
    }

    BodyPublisher publisher(String boundary) {
        List<BodyPublisher> pieces = new ArrayList<>();
        for (Part part : parts) {
            String head = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + quoted(part.name()) + '"';
            if (part.file() == null) {
                pieces.add(text(head + "\r\n\r\n" + part.text() + "\r\n"));
                continue;
            }
            pieces.add(text(head + "; filename=\"" + quoted(part.file().name()) + "\"\r\nContent-Type: "
                    + part.file().contentType().replaceAll("[\\r\\n]", "") + "\r\n\r\n"));
            pieces.add(part.file().source().get());
            pieces.add(text("\r\n"));
        }
        pieces.add(text("--" + boundary + "--\r\n"));
        return BodyPublishers.concat(pieces.toArray(BodyPublisher[]::new));
    }

    private static BodyPublisher text(String text) {
        return BodyPublishers.ofString(text, StandardCharsets.UTF_8);
    }

    /** As browsers escape names (HTML standard, "multipart form data"). */
    private static String quoted(String name) {
        return name.replace("\r", "%0D").replace("\n", "%0A").replace("\"", "%22");
    }
}
