package com.llmgateway.core;

/**
 * An event of a stream, as the HTML standard defines it (section 9.2, "Server-sent events").
 *
 * @param event its name; empty when it has none
 * @param data its lines of data, joined by newlines
 * @param id the last id that the stream has said; empty before
 */
public record ServerSentEvent(String event, String data, String id) {
}
