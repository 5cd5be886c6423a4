package com.llmgateway.core;

import com.llmgateway.errors.TimedOutException.Phase;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;

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
        try {
            HttpResponse<InputStream> response = client.send(timed, head -> new TimedBody(limits));
            return new Reply(response.statusCode(), response.headers(), response.body());
        } catch (HttpConnectTimeoutException error) {
            throw caused(limits.deadline().isOver() ? Phase.TOTAL : Phase.CONNECT, error);
        } catch (HttpTimeoutException error) {
            throw caused(limits.deadline().isOver() ? Phase.TOTAL : Phase.FIRST_BYTE, error);
        }
    }

    private static PhaseTimeout caused(Phase phase, HttpTimeoutException error) {
        PhaseTimeout timeout = new PhaseTimeout(phase);
        timeout.initCause(error);
        return timeout;
    }
}
