package com.llmgateway.core;

import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.DoubleSupplier;
import javax.net.ssl.SSLContext;

/**
 * The settings of a client, immutable. What is not set comes from the environment: {@code GATEWAY_API_KEY},
 * {@code GATEWAY_MANAGEMENT_KEY}, {@code GATEWAY_BASE_URL}, {@code GATEWAY_ORGANIZATION}, and
 * {@code GATEWAY_SDK_TELEMETRY}: {@code 0}, {@code false} or {@code off} sends no header {@code X-Gateway-SDK}.
 */
public final class ClientOptions {
    private final String apiKey;
    private final String managementKey;
    private final URI baseUrl;
    private final String organization;
    private final Timeouts timeouts;
    private final int maxRetries;
    private final Map<String, String> headers;
    private final boolean hasTelemetry;
    private final Transport transport;
    private final ExecutorService executor;
    private final Consumer<RetryEvent> onRetry;
    private final Sleeper sleeper;
    private final DoubleSupplier random;

    private ClientOptions(Builder from) {
        apiKey = from.apiKey != null ? from.apiKey : from.variable("GATEWAY_API_KEY").orElse(null);
        managementKey = from.managementKey != null ? from.managementKey
                : from.variable("GATEWAY_MANAGEMENT_KEY").orElse(null);
        baseUrl = address(from.baseUrl != null ? from.baseUrl
                : from.variable("GATEWAY_BASE_URL").orElse(from.defaultBaseUrl));
        organization = from.organization != null ? from.organization
                : from.variable("GATEWAY_ORGANIZATION").orElse(null);
        timeouts = from.timeouts;
        maxRetries = from.maxRetries;
        headers = Map.copyOf(from.headers);
        hasTelemetry = from.hasTelemetry && from.variable("GATEWAY_SDK_TELEMETRY")
                .filter(value -> value.toLowerCase(Locale.ROOT).matches("0|false|off")).isEmpty();
        transport = from.transport != null ? from.transport : new HttpClientTransport(from.httpClient());
        executor = from.executor;
        onRetry = from.onRetry;
        sleeper = from.sleeper;
        random = from.random;
    }

    /** A builder. */
    public static Builder builder() {
        return new Builder();
    }

    private static URI address(String text) {
        if (text == null) {
            throw new IllegalStateException(
                    "No base URL: call baseUrl(…), or set GATEWAY_BASE_URL to the gateway's address.");
        }
        URI address = URI.create(text.strip().replaceAll("/+$", ""));
        boolean isHttp = "http".equalsIgnoreCase(address.getScheme()) || "https".equalsIgnoreCase(address.getScheme());
        if (!isHttp || address.getHost() == null || address.getRawQuery() != null || address.getRawFragment() != null
                || address.getRawUserInfo() != null) {
            throw new IllegalArgumentException("The base URL has to look like https://gateway.example.com: " + text);
        }
        return address;
    }

    String apiKey() {
        return apiKey;
    }

    String managementKey() {
        return managementKey;
    }

    URI baseUrl() {
        return baseUrl;
    }

    String organization() {
        return organization;
    }

    Timeouts timeouts() {
        return timeouts;
    }

    int maxRetries() {
        return maxRetries;
    }

    Map<String, String> headers() {
        return headers;
    }

    boolean hasTelemetry() {
        return hasTelemetry;
    }

    Transport transport() {
        return transport;
    }

    Optional<ExecutorService> executor() {
        return Optional.ofNullable(executor);
    }

    Consumer<RetryEvent> onRetry() {
        return onRetry;
    }

    Sleeper sleeper() {
        return sleeper;
    }

    DoubleSupplier random() {
        return random;
    }

    /** Names no secret. */
    @Override
    public String toString() {
        return "ClientOptions[baseUrl=" + baseUrl + ", apiKey=" + (apiKey == null ? "none" : "***")
                + ", managementKey=" + (managementKey == null ? "none" : "***") + ", timeouts=" + timeouts
                + ", maxRetries=" + maxRetries + "]";
    }

    /** Collects settings; not safe for several threads. */
    public static final class Builder {
        private String apiKey;
        private String managementKey;
        private String baseUrl;
        private String defaultBaseUrl;
        private String organization;
        private Timeouts timeouts = Timeouts.DEFAULT;
        private int maxRetries = 2;
        private final Map<String, String> headers = new LinkedHashMap<>();
        private boolean hasTelemetry = true;
        private Transport transport;
        private HttpClient httpClient;
        private ProxySelector proxy = ProxySelector.getDefault();
        private SSLContext sslContext;
        private ExecutorService executor;
        private Consumer<RetryEvent> onRetry = event -> { };
        private Sleeper sleeper = time -> Thread.sleep(time.toMillis(), time.toNanosPart() % 1_000_000);
        private DoubleSupplier random = () -> ThreadLocalRandom.current().nextDouble();
        private Map<String, String> environment = System.getenv();

        private Builder() {
        }

        /** The virtual key that models are called with. */
        public Builder apiKey(String key) {
            apiKey = Objects.requireNonNull(key, "key").strip();
            return this;
        }

        /** The key, or the access token, of the management API. */
        public Builder managementKey(String key) {
            managementKey = Objects.requireNonNull(key, "key").strip();
            return this;
        }

        /** The gateway's address, such as {@code https://gateway.example.com}, without {@code /v1}. */
        public Builder baseUrl(String address) {
            baseUrl = Objects.requireNonNull(address, "address");
            return this;
        }

        /** The address that is taken when neither code nor environment name one. */
        public Builder defaultBaseUrl(String address) {
            defaultBaseUrl = address;
            return this;
        }

        /** The slug of the organization, for callers who belong to several ({@code X-Organization}). */
        public Builder organization(String slug) {
            organization = slug;
            return this;
        }

        /** The time limits of every call. */
        public Builder timeouts(Timeouts limits) {
            timeouts = Objects.requireNonNull(limits, "limits");
            return this;
        }

        /** How often a call that may be repeated is repeated; 2 unless set, 0 for never. */
        public Builder maxRetries(int count) {
            if (count < 0) {
                throw new IllegalArgumentException("A negative number of repeats: " + count);
            }
            maxRetries = count;
            return this;
        }

        /** A header of every call. */
        public Builder header(String name, String value) {
            headers.put(name, value);
            return this;
        }

        /** Whether calls carry {@code X-Gateway-SDK}: versions of this library and of Java, and the repeat's number. */
        public Builder telemetry(boolean isOn) {
            hasTelemetry = isOn;
            return this;
        }

        /** A proxy for all calls, instead of the one of the system properties. */
        public Builder proxy(String host, int port) {
            return proxy(ProxySelector.of(new InetSocketAddress(host, port)));
        }

        /** Proxies by address; {@code HttpClient.Builder.NO_PROXY} for none. */
        public Builder proxy(ProxySelector selector) {
            proxy = selector;
            return this;
        }

        /** Certificates to trust and to show, instead of the JDK's. */
        public Builder sslContext(SSLContext context) {
            sslContext = context;
            return this;
        }

        /** An HTTP client with settings of its own; proxy, TLS and connect time-out are its. */
        public Builder httpClient(HttpClient client) {
            httpClient = client;
            return this;
        }

        /** Another way to send requests. */
        public Builder transport(Transport other) {
            transport = other;
            return this;
        }

        /** Runs the asynchronous methods, which block one of its threads each; else daemon threads do. */
        public Builder executor(ExecutorService threads) {
            executor = threads;
            return this;
        }

        /** Is told before each repeat. */
        public Builder onRetry(Consumer<RetryEvent> listener) {
            onRetry = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /** Another way to wait before a repeat. */
        public Builder sleeper(Sleeper other) {
            sleeper = Objects.requireNonNull(other, "other");
            return this;
        }

        /** Another source of chance in [0, 1) for the length of waits. */
        public Builder random(DoubleSupplier other) {
            random = Objects.requireNonNull(other, "other");
            return this;
        }

        /** Other variables than the process's. */
        public Builder environment(Map<String, String> variables) {
            environment = Map.copyOf(variables);
            return this;
        }

        /**
         * The settings.
         *
         * @throws IllegalStateException when no base URL is known
         */
        public ClientOptions build() {
            return new ClientOptions(this);
        }

        private Optional<String> variable(String name) {
            return Optional.ofNullable(environment.get(name)).map(String::strip).filter(value -> !value.isEmpty());
        }

        private HttpClient httpClient() {
            if (httpClient != null) {
                return httpClient;
            }
            HttpClient.Builder made = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NEVER);
            if (!timeouts.connect().isZero()) {
                made.connectTimeout(timeouts.connect());
            }
            if (proxy != null) {
                made.proxy(proxy);
            }
            if (sslContext != null) {
                made.sslContext(sslContext);
            }
            return made.build();
        }
    }
}
