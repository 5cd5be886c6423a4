package com.llmgateway.core;

import com.llmgateway.errors.TimedOutException.Phase;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;

/** The transport over {@link HttpClient}, which keeps connections and reuses them. */
public final class HttpClientTransport implements Transport {
    private final HttpClient client;

    /** Over a client of the caller's own making. */
    public HttpClientTransport(HttpClient client) {
        this.client = client;
    }

    @Override
    public Reply send(HttpRequest request, Limits limits) throws IOException, InterruptedException {
        Duration firstByte = limits.deadline().shorterOf(limits.timeouts().firstByte());
        HttpRequest timed = firstByte == null ? request : HttpRequest.newBuilder(request, (name, value) -> true)
                .timeout(firstByte).build();
        AtomicReference<Reply> begun = new AtomicReference<>();
        try {
            client.send(timed, head -> {
                TimedBody body = new TimedBody(limits);
                begun.set(new Reply(head.statusCode(), head.headers(), body));
                return body;
            });
            return begun.get();
        } catch (HttpConnectTimeoutException error) {
            throw caused(limits.deadline().isOver() ? Phase.TOTAL : Phase.CONNECT, error);
        } catch (HttpTimeoutException error) {
            throw caused(limits.deadline().isOver() ? Phase.TOTAL : Phase.FIRST_BYTE, error);
        } catch (IOException error) {
            return brokenLater(begun.get(), error);
        }
    }

    /** A connection that breaks just behind the head fails here, or when the body is read; callers see the latter. */
    private static Reply brokenLater(Reply begun, IOException error) throws IOException {
        if (begun == null) {
            throw error;
        }
        ((TimedBody) begun.body()).onError(error);
        return begun;
    }

    private static PhaseTimeout caused(Phase phase, HttpTimeoutException error) {
        PhaseTimeout timeout = new PhaseTimeout(phase);
        timeout.initCause(error);
        return timeout;
    }
}
