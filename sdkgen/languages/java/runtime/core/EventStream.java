package com.llmgateway.core;

import com.llmgateway.errors.ApiException;
import com.llmgateway.errors.LlmGatewayException;
import com.llmgateway.errors.CancelledException;
import com.llmgateway.errors.StreamInterruptedException;
import com.llmgateway.json.JsonException;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.http.HttpHeaders;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The events of an answer as they arrive, to be read once and closed:
 *
 * <pre>{@code
 * try (var stream = client.chat().completions().createStream(request)) {
 *     for (var chunk : stream) { … }
 * }
 * }</pre>
 *
 * <p>Reading throws {@link StreamInterruptedException} when the stream ends before its end mark or carries an error.
 * Closing it early, from another thread too, ends the call; so does
 * interrupting the thread that reads. Memory does not grow with the length of the stream, but for the text that
 * {@link #partial()} adds up.
 */
public final class EventStream<E, A> implements Iterable<E>, AutoCloseable {
    private static final String COST_NOTE = "gateway ";
    private static final int MOST_UNKNOWN = 100;
    private static final Duration PATIENCE = Duration.ofMillis(50);

    private final Transport.Reply reply;
    private final StreamRules<E, A> rules;
    private final BiFunction<HttpHeaders, JsonObject, ApiException> errors;
    private final SseParser parser = new SseParser(this::arrived, this::noted);
    private final Queue<ServerSentEvent> waiting = new ArrayDeque<>();
    private final byte[] buffer = new byte[16 * 1024];
    private final Fold fold;
    private final List<ServerSentEvent> unknown = new ArrayList<>();
    private long events;
    private boolean isComplete;
    private boolean isAtEnd;
    private boolean isIterated;
    private volatile boolean isClosed;
    private Optional<BigDecimal> cost = Optional.empty();

    EventStream(
            Transport.Reply reply, StreamRules<E, A> rules, BiFunction<HttpHeaders, JsonObject, ApiException> errors) {
        this.reply = reply;
        this.rules = rules;
        this.errors = errors;
        this.fold = new Fold(rules.fold());
    }

    /** The HTTP status. */
    public int status() {
        return reply.status();
    }

    /** All headers. */
    public HttpHeaders headers() {
        return reply.headers();
    }

    /** Provider, cache, attempts and limits at once; the cost when the stream is read to its end. */
    public GatewayMetadata gateway() {
        return new GatewayMetadata(reply.headers(), cost);
    }

    /**
     * What has arrived so far, added up to an answer of the form that is not streamed; empty before the first event,
     * and for streams whose events do not add up.
     */
    public Optional<A> partial() {
        return fold.result().map(rules.answer()::decode);
    }

    /**
     * Reads the rest and gives the answer that all events add up to.
     *
     * @throws NoSuchElementException when they add up to none
     */
    public A collect() {
        try (this) {
            iterator().forEachRemaining(event -> { });
        }
        return partial().orElseThrow(() -> new NoSuchElementException("The events add up to no answer."));
    }

    /**
     * Events with a name that this stream has no place for, the first {@value #MOST_UNKNOWN}; a stream whose events are
     * of several types has its unknown ones among them.
     */
    public List<ServerSentEvent> unknown() {
        return Collections.unmodifiableList(unknown);
    }

    /** The events as a sequential stream, which closes this one when it is closed. */
    public Stream<E> stream() {
        int kind = Spliterator.ORDERED | Spliterator.NONNULL;
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(iterator(), kind), false).onClose(this::close);
    }

    /** The events, once. */
    @Override
    public Iterator<E> iterator() {
        if (isIterated) {
            throw new IllegalStateException("A stream can be read only once.");
        }
        isIterated = true;
        return new Iterator<>() {
            private E next;

            @Override
            public boolean hasNext() {
                if (next == null) {
                    next = read();
                }
                return next != null;
            }

            @Override
            public E next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                E given = next;
                next = null;
                return given;
            }
        };
    }

    /** Ends the call, if it is not over. */
    @Override
    public void close() {
        isClosed = true;
        try {
            reply.body().close();
        } catch (IOException error) {
            // nothing of it is wanted any more
        }
    }

    /** The next event; null after the last one. */
    private E read() {
        while (true) {
            ServerSentEvent event = waiting.poll();
            if (event != null) {
                E value = decoded(event);
                if (value != null) {
                    return value;
                }
            } else if (isComplete) {
                finish();
                return null;
            } else if (isAtEnd) {
                return atEnd();
            } else {
                fill();
            }
        }
    }

    private void fill() {
        if (isClosed) {
            throw new CancelledException(null);
        }
        try {
            int count = reply.body().read(buffer);
            if (count >= 0) {
                parser.feed(buffer, count);
            } else {
                isAtEnd = true;
            }
        } catch (IOException error) {
            boolean wasClosed = isClosed;
            close();
            throw wasClosed ? new CancelledException(error) : broken(error);
        }
    }

    private LlmGatewayException broken(IOException error) {
        LlmGatewayException failure = Failures.of(error);
        return failure instanceof CancelledException ? failure : interrupted(failure.getMessage(), failure);
    }

    private E atEnd() {
        close();
        if (rules.done().isEmpty() && rules.last().isEmpty() && !parser.isWithin()) {
            isComplete = true;
            return null;
        }
        throw interrupted("no end mark came", null);
    }

    private StreamInterruptedException interrupted(String why, Throwable cause) {
        close();
        return new StreamInterruptedException(why, events, fold.result().orElse(null), requestId(), cause);
    }

    private void finish() {
        if (!isClosed && reply.body() instanceof TimedBody body) {
            body.finish(PATIENCE);
        }
        close();
    }

    private void arrived(ServerSentEvent event) {
        waiting.add(event);
    }

    /** {@code : gateway {"cost": …}} stands before the end mark. */
    private void noted(String comment) {
        if (!comment.startsWith(COST_NOTE)) {
            return;
        }
        try {
            if (JsonValue.parse(comment.substring(COST_NOTE.length())) instanceof JsonObject note) {
                cost = note.string("cost").map(BigDecimal::new);
            }
        } catch (JsonException | NumberFormatException error) {
            // somebody else's comment
        }
    }

    /** The event's value; null for the end mark, and for an event that is kept aside. */
    private E decoded(ServerSentEvent event) {
        if (!rules.done().isEmpty() && event.data().equals(rules.done())) {
            isComplete = true;
            return null;
        }
        JsonValue data = parsed(event);
        if (isError(event, data)) {
            JsonObject said = data instanceof JsonObject object ? object : JsonObject.EMPTY;
            ApiException error = errors.apply(reply.headers(), said);
            throw interrupted(error.detail().isEmpty() ? "it carried an error" : error.detail(), error);
        }
        if (!rules.hasNames() && !event.event().isEmpty() && !event.event().equals("message")) {
            if (unknown.size() < MOST_UNKNOWN) {
                unknown.add(event);
            }
            return null;
        }
        JsonObject object = data instanceof JsonObject whole ? whole
                : JsonObject.builder().put("event", event.event()).put("data", data).build();
        fold.add(object);
        isComplete = rules.last().contains(event.event())
                || rules.last().contains(object.string("type").orElse(""));
        events++;
        try {
            return rules.event().decode(object);
        } catch (JsonException error) {
            throw interrupted("an event is not as documented: " + error.getMessage(), error);
        }
    }

    private JsonValue parsed(ServerSentEvent event) {
        try {
            return JsonValue.parse(event.data());
        } catch (JsonException error) {
            throw interrupted("an event is no JSON", error);
        }
    }

    /** {@code {"error": {…}}}; a chunk and a response may have a member of that name among others. */
    private static boolean isError(ServerSentEvent event, JsonValue data) {
        if (event.event().equals("error")) {
            return true;
        }
        return data instanceof JsonObject object && (object.string("type").filter("error"::equals).isPresent()
                || object.get("error") instanceof JsonObject && object.get("choices") == null
                && object.get("response") == null);
    }

    private String requestId() {
        return reply.headers().firstValue("x-request-id").orElse(null);
    }
}
