package com.llmgateway.json;

import java.util.function.Function;

/**
 * A typed view of a JSON object. The object is kept whole: members that this version does not know are at hand in
 * {@link #json()} and are written again in their place. Accessors read it when they are called and throw
 * {@link JsonException} where it is not as documented.
 */
public interface JsonModel {
    /** The object as it came, or as it was built. */
    JsonObject json();

    /** How a model is read and written; {@code make} is the constructor of its record. */
    static <T extends JsonModel> Codec<T> codec(Function<JsonObject, T> make) {
        return Codec.of(value -> make.apply(Codecs.OBJECT.decode(value)), JsonModel::json);
    }
}
