package com.llmgateway.core;

import com.llmgateway.json.Codecs;
import com.llmgateway.json.JsonBoolean;
import com.llmgateway.json.JsonModel;
import com.llmgateway.json.JsonNull;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * One page of a list. {@link #items()} is this page alone; {@link #all()} goes on through all pages, each of which is
 * asked for when it is reached:
 *
 * <pre>{@code for (var model : client.models().list().all()) { … }}</pre>
 */
public final class Page<T> implements JsonModel {
    private final ApiClient client;
    private final ApiRequest request;
    private final RequestOptions options;
    private final PageRules<T> rules;
    private final ApiResponse<JsonObject> response;
    private final List<T> items;

    private Page(ApiClient client, ApiRequest request, RequestOptions options, PageRules<T> rules) {
        this.client = client;
        this.request = request;
        this.options = options;
        this.rules = rules;
        this.response = client.call(request, options, Codecs.OBJECT);
        this.items = response.value().required(rules.items(), Codecs.list(rules.codec()));
    }

    /** Asks for the page that the request names. */
    public static <T> Page<T> get(ApiClient client, ApiRequest request, RequestOptions options, PageRules<T> rules) {
        return new Page<>(client, request, options, rules);
    }

    /** The items of this page. */
    public List<T> items() {
        return items;
    }

    /** The answer whole, with counts where the API gives them. */
    @Override
    public JsonObject json() {
        return response.value();
    }

    /** The answer with its headers. */
    public ApiResponse<JsonObject> response() {
        return response;
    }

    /** Whether there is another page. */
    public boolean hasNext() {
        JsonValue more = json().get(rules.more());
        boolean saysSo = rules.isCursor() ? more == JsonBoolean.TRUE : more != null && more != JsonNull.INSTANCE;
        return saysSo && (!rules.isCursor() || lastId().isPresent());
    }

    /**
     * Asks for the next page.
     *
     * @throws NoSuchElementException when this is the last one
     */
    public Page<T> next() {
        if (!hasNext()) {
            throw new NoSuchElementException("This is the last page.");
        }
        Map<String, String> query = new LinkedHashMap<>(request.query());
        query.put(rules.next(), rules.isCursor() ? lastId().orElseThrow() : Long.toString(number() + 1));
        return new Page<>(client, request.withQuery(query).via("page"), options, rules);
    }

    /** The items of this page and of all that follow. */
    public Iterable<T> all() {
        return () -> new Items<>(this);
    }

    /** The items of this page and of all that follow, as a sequential stream. */
    public Stream<T> stream() {
        return StreamSupport.stream(all().spliterator(), false);
    }

    private long number() {
        String asked = request.query().get(rules.next());
        return asked == null ? 1 : Long.parseLong(asked);
    }

    private Optional<String> lastId() {
        List<JsonObject> all = json().required(rules.items(), Codecs.list(Codecs.OBJECT));
        return all.isEmpty() ? Optional.empty() : all.get(all.size() - 1).string("id");
    }

    private static final class Items<T> implements Iterator<T> {
        private Page<T> page;
        private int at;

        private Items(Page<T> first) {
            page = first;
        }

        @Override
        public boolean hasNext() {
            while (at >= page.items().size()) {
                if (!page.hasNext()) {
                    return false;
                }
                page = page.next();
                at = 0;
            }
            return true;
        }

        @Override
        public T next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return page.items().get(at++);
        }
    }
}
