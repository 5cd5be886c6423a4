package com.llmgateway.core;

import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/** What a request carries. */
public sealed interface RequestBody {
    /** The media type. */
    String contentType();

    /** The bytes, made anew for each attempt. */
    BodyPublisher publisher();

    /** Whether it can be sent again. */
    boolean isRepeatable();

    /** JSON. */
    record Json(JsonValue value) implements RequestBody {
        @Override
        public String contentType() {
            return "application/json";
        }

        @Override
        public BodyPublisher publisher() {
            return BodyPublishers.ofString(value.toJson(), StandardCharsets.UTF_8);
        }

        @Override
        public boolean isRepeatable() {
            return true;
        }

        /** The same with members added, or replaced. */
        Json with(Map<String, JsonValue> members) {
            if (members.isEmpty() || !(value instanceof JsonObject object)) {
                return this;
            }
            Map<String, JsonValue> all = new LinkedHashMap<>(object.members());
            all.putAll(members);
            return new Json(JsonObject.of(all));
        }
    }

    /** A form with files. */
    record Form(MultipartForm form, String boundary) implements RequestBody {
        /** With a boundary of its own. */
        public Form(MultipartForm form) {
            this(form, "llm-gateway-" + UUID.randomUUID());
        }

        @Override
        public String contentType() {
            return "multipart/form-data; boundary=" + boundary;
        }

        @Override
        public BodyPublisher publisher() {
            return form.publisher(boundary);
        }

        @Override
        public boolean isRepeatable() {
            return form.isRepeatable();
        }
    }

    /** The bytes of one file. */
    record Bytes(FileUpload file) implements RequestBody {
        @Override
        public String contentType() {
            return file.contentType();
        }

        @Override
        public BodyPublisher publisher() {
            return file.source().get();
        }

        @Override
        public boolean isRepeatable() {
            return file.isRepeatable();
        }
    }
}
