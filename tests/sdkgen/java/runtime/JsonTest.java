package com.llmgateway.core;

import static com.llmgateway.core.Check.equal;
import static com.llmgateway.core.Check.fails;

import com.llmgateway.json.Codec;
import com.llmgateway.json.Codecs;
import com.llmgateway.json.JsonException;
import com.llmgateway.json.JsonModel;
import com.llmgateway.json.JsonNumber;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonString;
import com.llmgateway.json.JsonValue;
import com.llmgateway.json.Maybe;
import com.llmgateway.json.OpenEnum;
import java.math.BigDecimal;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;

final class JsonTest {
    record Role(String value) implements OpenEnum {
        static final Role USER = new Role("user");
        static final Codec<Role> CODEC = OpenEnum.codec(Role::new);
    }

    record Price(JsonObject json) implements JsonModel {
        static final Codec<Price> CODEC = JsonModel.codec(Price::new);

        BigDecimal amount() {
            return json.required("amount", Codecs.DECIMAL);
        }
    }

    static void whatIsReadIsWrittenUnchanged() {
        String text = "{\"z\":1.0,\"a\":-0.0e+10,\"new\":{\"x\":[true,false,null,\"\"]},\"n\":12345678901234567890.10,"
                + "\"e\":{},\"l\":[]}";
        equal(text, JsonValue.parse(" \n\t" + text.replace(",", " , ").replace(":", " : ") + "\r\n").toJson());
    }

    static void stringsAreEscapedWhereTheyMustBe() {
        equal("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001fé😀\\ud83d\"",
                new JsonString("\"\\/\b\f\n\r\t\u0000\u001fé\ud83d\ude00\ud83d").toJson());
        equal(new JsonString("\"\\/\b\f\n\r\té\ud83d\ude00"),
                JsonValue.parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\\uD83D\\ude00\""));
    }

    static void whatIsNoJsonIsRefused() throws Exception {
        for (String text : List.of("", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", ".5", "+1", "-", "1e",
                "nul", "tru", "\"", "\"\\x\"", "\"\\u12g4\"", "\"\n\"", "1 2", "[1}", "NaN", "'a'", "{\"a\" 1}",
                "\u0000")) {
            fails(JsonException.class, () -> JsonValue.parse(text));
        }
    }

    static void deepNestingIsRefusedBeforeTheStackEnds() throws Exception {
        equal("[".repeat(512) + "]".repeat(512), JsonValue.parse("[".repeat(512) + "]".repeat(512)).toJson());
        fails(JsonException.class, () -> JsonValue.parse("[".repeat(100_000)));
    }

    static void numbersAreExact() throws Exception {
        equal(new BigDecimal("0.1000"), ((JsonNumber) JsonValue.parse("0.1000")).toBigDecimal());
        equal(9007199254740993L, ((JsonNumber) JsonValue.parse("9007199254740993")).toLong());
        equal(1000L, ((JsonNumber) JsonValue.parse("1e3")).toLong());
        equal("2", JsonNumber.of(2.0).literal());
        equal("0.1", JsonNumber.of(0.1).literal());
        fails(JsonException.class, () -> ((JsonNumber) JsonValue.parse("1.5")).toLong());
        fails(JsonException.class, () -> JsonNumber.of(Double.NaN));
        fails(JsonException.class, () -> new JsonNumber("1,5"));
    }

    static void moneyIsADecimalInAString() {
        equal(new BigDecimal("0.0000031500"),
                new Price((JsonObject) JsonValue.parse("{\"amount\":\"0.0000031500\"}")).amount());
        equal("\"0.0000001\"", Codecs.DECIMAL.encode(new BigDecimal("1e-7")).toJson());
    }

    static void membersHaveThreeStates() {
        JsonObject object = (JsonObject) JsonValue.parse("{\"null\":null,\"value\":\"x\"}");
        equal(Maybe.absent(), object.maybe("none", Codecs.STRING));
        equal(Maybe.ofNull(), object.maybe("null", Codecs.STRING));
        equal(Maybe.of("x"), object.maybe("value", Codecs.STRING));
        equal(Optional.empty(), object.optional("null", Codecs.STRING));
        equal("{\"b\":null,\"c\":1}", JsonObject.builder().put("a", Codecs.LONG, Maybe.<Long>absent())
                .put("b", Codecs.LONG, Maybe.<Long>ofNull()).put("c", Codecs.LONG, Maybe.of(1L)).build().toJson());
    }

    static void unknownWordsOfAnEnumerationAreKept() {
        equal(Role.USER, Role.CODEC.decode(new JsonString("user")));
        equal("\"robot\"", Role.CODEC.encode(Role.CODEC.decode(new JsonString("robot"))).toJson());
    }

    static void errorsNameThePlace() throws Exception {
        JsonObject object = (JsonObject) JsonValue.parse("{\"a\":{\"b\":1}}");
        Codec<String> inner = Codec.of(value -> ((JsonObject) value).required("b", Codecs.STRING), JsonString::new);
        equal("a: b: a string was expected, not a number",
                fails(JsonException.class, () -> object.required("a", inner)).getMessage());
        equal("member \"c\" is missing",
                fails(JsonException.class, () -> object.required("c", Codecs.ANY)).getMessage());
    }

    static void timesKeepTheirOffsetAndSeconds() {
        OffsetDateTime time = OffsetDateTime.parse("2026-01-02T03:00:00+02:00");
        equal(time, Codecs.DATE_TIME.decode(new JsonString("2026-01-02T03:00:00+02:00")));
        equal("\"2026-01-02T03:00:00+02:00\"", Codecs.DATE_TIME.encode(time).toJson());
    }

    static void listsAndMapsOfTypes() {
        Codec<Map<String, List<Optional<Long>>>> codec = Codecs.map(Codecs.list(Codecs.nullable(Codecs.LONG)));
        String text = "{\"b\":[1,null],\"a\":[]}";
        equal(Map.of("a", List.of(), "b", List.of(Optional.of(1L), Optional.empty())),
                codec.decode(JsonValue.parse(text)));
        equal(text, codec.encode(codec.decode(JsonValue.parse(text))).toJson());
    }

    static void aBuilderNamesWhatIsMissing() throws Exception {
        IllegalStateException error = fails(IllegalStateException.class,
                () -> JsonObject.builder().put("b", "x").build("a", "b", "c"));
        equal("not set: a, c", error.getMessage());
    }
}
