package com.llmgateway.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A strict recursive-descent parser of RFC 8259. Of members with the same name the last one counts; values may be
 * nested {@value #MAX_DEPTH} deep, so that hostile text cannot exhaust the stack.
 */
final class JsonParser {
    private static final int MAX_DEPTH = 512;

    private final String text;
    private int at;
    private int depth;

    JsonParser(String text) {
        this.text = text;
    }

    JsonValue parse() {
        JsonValue value = value();
        if (next() != '\0' || at < text.length()) {
            throw error("something follows the value");
        }
        return value;
    }

    private JsonValue value() {
        char c = next();
        return switch (c) {
            case '{' -> object();
            case '[' -> array();
            case '"' -> new JsonString(string());
            case 't' -> word("true", JsonBoolean.TRUE);
            case 'f' -> word("false", JsonBoolean.FALSE);
            case 'n' -> word("null", JsonNull.INSTANCE);
            default -> number();
        };
    }

    private JsonObject object() {
        enter();
        Map<String, JsonValue> members = new LinkedHashMap<>();
        at++;
        if (next() == '}') {
            at++;
            depth--;
            return JsonObject.owning(members);
        }
        while (true) {
            if (next() != '"') {
                throw error("a member's name was expected");
            }
            String name = string();
            expect(':');
            members.put(name, value());
            if (isLast('}')) {
                depth--;
                return JsonObject.owning(members);
            }
        }
    }

    private JsonArray array() {
        enter();
        List<JsonValue> items = new ArrayList<>();
        at++;
        if (next() == ']') {
            at++;
            depth--;
            return JsonArray.owning(items);
        }
        while (true) {
            items.add(value());
            if (isLast(']')) {
                depth--;
                return JsonArray.owning(items);
            }
        }
    }

    private void enter() {
        if (++depth > MAX_DEPTH) {
            throw error("nested deeper than " + MAX_DEPTH);
        }
    }

    /** Passes a comma (false) or the end of the container (true). */
    private boolean isLast(char end) {
        char c = next();
        if (c != ',' && c != end) {
            throw error("',' or '" + end + "' was expected");
        }
        at++;
        return c == end;
    }

    private void expect(char wanted) {
        if (next() != wanted) {
            throw error("'" + wanted + "' was expected");
        }
        at++;
    }

    private String string() {
        int start = ++at;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '"') {
                return text.substring(start, at++);
            }
            if (c == '\\') {
                return escaped(start);
            }
            if (c < ' ') {
                throw error("a control character stands in a string");
            }
            at++;
        }
        throw error("a string does not end");
    }

    /** The rest of a string in which a backslash was met at {@code at}. */
    private String escaped(int start) {
        StringBuilder out = new StringBuilder().append(text, start, at);
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '"') {
                return out.toString();
            }
            if (c < ' ') {
                throw error("a control character stands in a string");
            }
            out.append(c == '\\' ? escape() : c);
        }
        throw error("a string does not end");
    }

    private char escape() {
        char c = at < text.length() ? text.charAt(at++) : '\0';
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unicode();
            default -> throw error("an unknown escape");
        };
    }

    private char unicode() {
        int code = 0;
        for (int end = at + 4; at < end; at++) {
            char c = at < text.length() ? text.charAt(at) : '\0';
            int digit = c < 128 ? Character.digit(c, 16) : -1;
            if (digit < 0) {
                throw error("four hexadecimal digits were expected");
            }
            code = code * 16 + digit;
        }
        return (char) code;
    }

    private JsonValue word(String word, JsonValue value) {
        if (!text.startsWith(word, at)) {
            throw error("a value was expected");
        }
        at += word.length();
        return value;
    }

    private JsonNumber number() {
        int end = numberEnd(text, at);
        if (end < 0) {
            throw error("a value was expected");
        }
        JsonNumber number = new JsonNumber(text.substring(at, end));
        at = end;
        return number;
    }

    /** Where the number that begins at {@code start} ends; -1 when none begins there. */
    static int numberEnd(String text, int start) {
        int at = start < text.length() && text.charAt(start) == '-' ? start + 1 : start;
        int whole = digits(text, at);
        if (whole == at || (whole > at + 1 && text.charAt(at) == '0')) {
            return -1;
        }
        at = whole;
        if (at < text.length() && text.charAt(at) == '.') {
            int fraction = digits(text, at + 1);
            if (fraction == at + 1) {
                return -1;
            }
            at = fraction;
        }
        if (at < text.length() && (text.charAt(at) | 0x20) == 'e') {
            int sign = at + 1 < text.length() && (text.charAt(at + 1) == '+' || text.charAt(at + 1) == '-') ? 2 : 1;
            int exponent = digits(text, at + sign);
            return exponent == at + sign ? -1 : exponent;
        }
        return at;
    }

    private static int digits(String text, int at) {
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        return at;
    }

    /** The next character that is not white space, not passed yet; NUL at the end. */
    private char next() {
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
                return c;
            }
            at++;
        }
        return '\0';
    }

    private JsonException error(String what) {
        return new JsonException("not JSON: " + what + " at character " + at);
    }
}
