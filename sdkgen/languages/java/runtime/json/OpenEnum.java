package com.llmgateway.json;

import java.util.function.Function;

/**
 * A string of which some values are known. A value that a newer server sends is kept like any other one; two are equal
 * when their strings are.
 */
public interface OpenEnum {
    /** The string on the wire. */
    String value();

    /** How an enumeration is read and written; {@code make} is the constructor of its record. */
    static <T extends OpenEnum> Codec<T> codec(Function<String, T> make) {
        return Codec.of(value -> make.apply(Codecs.STRING.decode(value)), constant -> new JsonString(constant.value()));
    }
}
