package com.llmgateway.core;

import static com.llmgateway.core.Check.equal;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

final class SseTest {
    /** The same events whatever the size of the chunks. */
    private static List<ServerSentEvent> events(String text, String... expectedComments) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        List<ServerSentEvent> whole = null;
        for (int size : new int[] {bytes.length + 1, 1, 2, 3, 7}) {
            List<ServerSentEvent> found = new ArrayList<>();
            List<String> comments = new ArrayList<>();
            SseParser parser = new SseParser(found::add, comments::add);
            for (int start = 0; start < bytes.length; start += size) {
                int count = Math.min(size, bytes.length - start);
                byte[] chunk = new byte[size];
                System.arraycopy(bytes, start, chunk, 0, count);
                parser.feed(chunk, count);
            }
            equal(List.of(expectedComments), comments);
            if (whole != null) {
                equal(whole, found);
            }
            whole = found;
        }
        return whole;
    }

    private static List<ServerSentEvent> data(String... data) {
        List<ServerSentEvent> events = new ArrayList<>();
        for (String each : data) {
            events.add(new ServerSentEvent("", each, ""));
        }
        return events;
    }

    static void linesEndWithLfCrOrBoth() {
        equal(data("a", "b"), events("data: a\n\ndata: b\n\n"));
        equal(data("a", "b"), events("data: a\r\rdata: b\r\r"));
        equal(data("a", "b"), events("data: a\r\n\r\ndata: b\r\n\r\n"));
        equal(data("a", "b"), events("data: a\r\n\ndata: b\n\r\n"));
    }

    static void aByteOrderMarkAtTheBeginningIsPassedOver() {
        equal(data("a", "\uFEFFb"), events("\uFEFFdata: a\n\ndata:\uFEFFb\n\n"));
    }

    static void onlyOneSpaceBehindTheColonIsTaken() {
        equal(data("a", " a", "a "), events("data:a\n\ndata:  a\n\ndata: a \n\n"));
    }

    static void linesOfDataAreJoined() {
        equal(data("a\n\nb", ""), events("data: a\ndata\ndata: b\n\ndata\n\n"));
    }

    static void commentsAreNoEvents() {
        equal(data("a"), events(": ping\n\n:x\ndata: a\n:\n\n", "ping", "x", ""));
    }

    static void namesAreOfOneEventAndIdsOfAllThatFollow() {
        equal(List.of(new ServerSentEvent("x", "1", "7"), new ServerSentEvent("", "2", "7")),
                events("event: x\nid: 7\ndata: 1\n\nid: \0\nretry: 5\nfoo: bar\ndata: 2\n\n"));
    }

    static void anEventWithoutDataIsNone() {
        equal(data("a"), events("event: x\n\ndata: a\n\n"));
    }

    static void charactersMayBeSplitBetweenChunks() {
        equal(data("é€😀"), events("data: é€😀\n\n"));
    }

    static void anEventWithoutItsBlankLineIsNone() {
        equal(data("a"), events("data: a\n\ndata: b"));
        equal(data("a"), events("data: a\n\ndata: b\n"));
    }

    static void aLineMayHaveAMegabyte() {
        String long1 = "x".repeat(1 << 20);
        equal(data(long1), events("data: " + long1 + "\n\n"));
    }
}
