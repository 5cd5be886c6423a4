package com.llmgateway.json;

import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;

/** The codecs of the types that models are made of. */
public final class Codecs {
    /** Any JSON value. */
    public static final Codec<JsonValue> ANY = Codec.of(value -> value, value -> value);
    /** Any JSON object. */
    public static final Codec<JsonObject> OBJECT =
            Codec.of(value -> as(JsonObject.class, value, "object"), value -> value);
    /** A string. */
    public static final Codec<String> STRING =
            Codec.of(value -> as(JsonString.class, value, "string").value(), JsonString::new);
    /** A boolean. */
    public static final Codec<Boolean> BOOLEAN =
            Codec.of(value -> as(JsonBoolean.class, value, "boolean").value(), JsonBoolean::of);
    /** A whole number. */
    public static final Codec<Long> LONG = Codec.of(
            value -> as(JsonNumber.class, value, "number").toLong(), value -> JsonNumber.of(value.longValue()));
    /** A number. */
    public static final Codec<Double> DOUBLE = Codec.of(
            value -> as(JsonNumber.class, value, "number").toDouble(), value -> JsonNumber.of(value.doubleValue()));
    /** An exact decimal, which stands in a string as all money does. */
    public static final Codec<BigDecimal> DECIMAL = Codec.of(Codecs::decimal, value -> text(value.toPlainString()));
    /** A point in time with its offset (RFC 3339). */
    public static final Codec<OffsetDateTime> DATE_TIME =
            parsed(OffsetDateTime::parse, DateTimeFormatter.ISO_OFFSET_DATE_TIME::format, "date-time");
    /** A day. */
    public static final Codec<LocalDate> DATE = parsed(LocalDate::parse, LocalDate::toString, "date");
    /** A UUID. */
    public static final Codec<UUID> UUID_TEXT = parsed(UUID::fromString, UUID::toString, "UUID");

    private Codecs() {
    }

    /** Arrays of a type. */
    public static <T> Codec<List<T>> list(Codec<T> item) {
        return Codec.of(value -> as(JsonArray.class, value, "array").map(item::decode), list -> {
            List<JsonValue> items = new ArrayList<>(list.size());
            list.forEach(each -> items.add(item.encode(each)));
            return JsonArray.owning(items);
        });
    }

    /** Objects whose members are all of one type. */
    public static <T> Codec<Map<String, T>> map(Codec<T> item) {
        return Codec.of(value -> {
            Map<String, T> decoded = new LinkedHashMap<>();
            OBJECT.decode(value).members().forEach((name, each) -> decoded.put(name, item.decode(each)));
            return Collections.unmodifiableMap(decoded);
        }, map -> {
            Map<String, JsonValue> members = new LinkedHashMap<>();
            map.forEach((name, each) -> members.put(name, item.encode(each)));
            return JsonObject.owning(members);
        });
    }

    /** A type whose place {@code null} may take. */
    public static <T> Codec<Optional<T>> nullable(Codec<T> item) {
        return Codec.of(
                value -> value == JsonNull.INSTANCE ? Optional.empty() : Optional.of(item.decode(value)),
                value -> value.isPresent() ? item.encode(value.get()) : JsonNull.INSTANCE);
    }

    private static <T> Codec<T> parsed(Function<String, T> parse, Function<T, String> format, String what) {
        return Codec.of(value -> {
            String text = STRING.decode(value);
            try {
                return parse.apply(text);
            } catch (DateTimeException | IllegalArgumentException error) {
                throw new JsonException("not a " + what + ": " + text, error);
            }
        }, value -> text(format.apply(value)));
    }

    private static BigDecimal decimal(JsonValue value) {
        if (value instanceof JsonNumber number) {
            return number.toBigDecimal();
        }
        String text = STRING.decode(value);
        try {
            return new BigDecimal(text);
        } catch (NumberFormatException error) {
            throw new JsonException("not a decimal: " + text, error);
        }
    }

    private static JsonString text(String text) {
        return new JsonString(text);
    }

    private static <T extends JsonValue> T as(Class<T> type, JsonValue value, String wanted) {
        if (!type.isInstance(value)) {
            throw new JsonException("a " + wanted + " was expected, not a " + value.kind());
        }
        return type.cast(value);
    }
}
