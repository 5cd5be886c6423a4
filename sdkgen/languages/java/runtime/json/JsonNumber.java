package com.llmgateway.json;

import java.math.BigDecimal;
import java.util.Objects;

/**
 * A JSON number as its literal: digits beyond a double's precision survive, and {@code 1.0} stays {@code 1.0}. Two are
 * equal when their literals are.
 *
 * @param literal a number by the grammar of RFC 8259, section 6
 */
public record JsonNumber(String literal) implements JsonValue {
    /** Refuses what is not a JSON number. */
    public JsonNumber {
        Objects.requireNonNull(literal, "literal");
        if (JsonParser.numberEnd(literal, 0) != literal.length()) {
            throw new JsonException("not a JSON number: " + literal);
        }
    }

    /** A whole number. */
    public static JsonNumber of(long value) {
        return new JsonNumber(Long.toString(value));
    }

    /**
     * The shortest decimal that reads as this double; a whole one is written without a fraction.
     *
     * @throws JsonException for NaN and infinities, which JSON does not have
     */
    public static JsonNumber of(double value) {
        if (!Double.isFinite(value)) {
            throw new JsonException("JSON has no number " + value);
        }
        if (value == Math.rint(value) && Math.abs(value) < 1e15) {
            return of((long) value);
        }
        return of(BigDecimal.valueOf(value));
    }

    /** An exact decimal. */
    public static JsonNumber of(BigDecimal value) {
        return new JsonNumber(value.toString());
    }

    /** The exact value. */
    public BigDecimal toBigDecimal() {
        return new BigDecimal(literal);
    }

    /** The nearest double. */
    public double toDouble() {
        return Double.parseDouble(literal);
    }

    /**
     * The value as a long.
     *
     * @throws JsonException when it has a fraction or does not fit
     */
    public long toLong() {
        try {
            return Long.parseLong(literal);
        } catch (NumberFormatException notPlain) {
            try {
                return toBigDecimal().longValueExact();
            } catch (ArithmeticException notWhole) {
                throw new JsonException("not a whole number of 64 bits: " + literal, notWhole);
            }
        }
    }

    @Override
    public String kind() {
        return "number";
    }

    @Override
    public String toString() {
        return literal;
    }
}
