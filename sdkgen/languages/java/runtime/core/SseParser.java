package com.llmgateway.core;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Bytes in, events out (HTML standard, section 9.2.6, "Interpreting an event stream"). Lines end with CR, LF or CRLF; a
 * chunk may end anywhere, inside a character too. An event without its blank line at the end of the stream is none.
 */
final class SseParser {
    private static final int LONGEST_LINE = 64 * 1024 * 1024;

    private final Consumer<ServerSentEvent> events;
    private final Consumer<String> comments;
    private byte[] line = new byte[1024];
    private int length;
    private boolean isAfterCr;
    private boolean isFirstLine = true;
    private String name = "";
    private String id = "";
    private StringBuilder data;

    SseParser(Consumer<ServerSentEvent> events, Consumer<String> comments) {
        this.events = events;
        this.comments = comments;
    }

    /** Takes the first {@code count} bytes of a chunk. */
    void feed(byte[] chunk, int count) {
        int start = 0;
        for (int at = 0; at < count; at++) {
            byte c = chunk[at];
            if (c != '\n' && c != '\r') {
                isAfterCr = false;
                continue;
            }
            if (c == '\n' && isAfterCr) {
                start = at + 1;
            } else {
                endLine(chunk, start, at);
                start = at + 1;
            }
            isAfterCr = c == '\r';
        }
        keep(chunk, start, count);
    }

    /** Whether an event has begun and not ended. */
    boolean isWithin() {
        return length > 0 || data != null || !name.isEmpty();
    }

    /** A line that ends: what was kept of it, and the chunk's bytes from start to end. */
    private void endLine(byte[] chunk, int start, int end) {
        String text;
        if (length == 0) {
            text = new String(chunk, start, end - start, StandardCharsets.UTF_8);
        } else {
            keep(chunk, start, end);
            text = new String(line, 0, length, StandardCharsets.UTF_8);
            length = 0;
        }
        if (isFirstLine) {
            isFirstLine = false;
            text = text.startsWith("\uFEFF") ? text.substring(1) : text;
        }
        if (text.isEmpty()) {
            dispatch();
        } else {
            field(text);
        }
    }

    private void keep(byte[] chunk, int start, int end) {
        int count = end - start;
        if (length + count > line.length) {
            if (length + count > LONGEST_LINE) {
                throw new IllegalStateException("a line of the stream is longer than " + LONGEST_LINE + " bytes");
            }
            line = Arrays.copyOf(line, Math.max(length + count, Math.min(line.length * 2, LONGEST_LINE)));
        }
        System.arraycopy(chunk, start, line, length, count);
        length += count;
    }

    private void field(String text) {
        int colon = text.indexOf(':');
        if (colon == 0) {
            comments.accept(text.substring(text.startsWith(": ") ? 2 : 1));
            return;
        }
        String field = colon < 0 ? text : text.substring(0, colon);
        int start = colon < 0 ? text.length() : colon + 1;
        String value = text.substring(text.startsWith(" ", start) ? start + 1 : start);
        switch (field) {
            case "data" -> {
                data = data == null ? new StringBuilder(value.length()) : data.append('\n');
                data.append(value);
            }
            case "event" -> name = value;
            case "id" -> id = value.indexOf('\0') < 0 ? value : id;
            default -> {
                // "retry" is for clients that connect again by themselves, which this one never does
            }
        }
    }

    private void dispatch() {
        if (data != null) {
            events.accept(new ServerSentEvent(name, data.toString(), id));
        }
        data = null;
        name = "";
    }
}
