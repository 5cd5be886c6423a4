import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/** A streamed answer, by the JDK, which has no reader of JSON. */
final class Raw {
    private static final Set<Integer> REPEATABLE = Set.of(408, 429, 500, 502, 503, 504, 529);
    private static final int MOST_REPEATS = 2;

    private String cost = "null";
    private boolean isDone;

    private Raw() {
    }

    /** An answer of another status than 2xx. */
    static final class ApiException extends RuntimeException {
        private static final long serialVersionUID = 1;

        final int status;
        final String code;
        final String requestId;

        ApiException(HttpResponse<?> response, String content) {
            super(Json.text(content, "message", content));
            status = response.statusCode();
            code = Json.text(content, "code", "");
            requestId = response.headers().firstValue("x-request-id").orElse("");
        }
    }

    /** Texts by the name of their field. */
    static final class Json {
        private Json() {
        }

        static String text(String json, String name, String otherwise) {
            var found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
            return found.find() ? unescaped(found.group(1)) : otherwise;
        }

        static String unescaped(String text) {
            var found = new StringBuilder();
            for (int at = 0; at < text.length(); at++) {
                if (text.charAt(at) != '\\') {
                    found.append(text.charAt(at));
                    continue;
                }
                char next = text.charAt(++at);
                switch (next) {
                    case 'n' -> found.append('\n');
                    case 't' -> found.append('\t');
                    case 'r' -> found.append('\r');
                    case 'b' -> found.append('\b');
                    case 'f' -> found.append('\f');
                    case 'u' -> {
                        found.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
                        at += 4;
                    }
                    default -> found.append(next);
                }
            }
            return found.toString();
        }

        static String quoted(String text) {
            return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
        }
    }

    /** Dates, which the header may hold too, are not understood. */
    static Duration pause(String retryAfter, int repeats) {
        if (retryAfter.matches("\\d{1,9}")) {
            return Duration.ofSeconds(Long.parseLong(retryAfter));
        }
        double most = Math.min(8000, 500 * Math.pow(2, repeats));
        return Duration.ofMillis((long) (most * ThreadLocalRandom.current().nextDouble(0.75, 1)));
    }

    /** A repeat has the key of the first try, and so is billed once. */
    static HttpResponse<InputStream> ask(String body) throws IOException, InterruptedException {
        // Without TLS the client would ask for an upgrade to HTTP/2.
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();
        var request = HttpRequest.newBuilder(URI.create(System.getenv("GATEWAY_BASE_URL") + "/v1/chat/completions"))
                .header("Authorization", "Bearer " + System.getenv("GATEWAY_API_KEY"))
                .header("Content-Type", "application/json")
                .header("Idempotency-Key", UUID.randomUUID().toString())
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        for (int repeats = 0;; repeats++) {
            String retryAfter = "";
            try {
                var response = client.send(request, BodyHandlers.ofInputStream());
                if (response.statusCode() < 300) {
                    return response;
                }
                var content = new String(response.body().readAllBytes(), StandardCharsets.UTF_8);
                if (!REPEATABLE.contains(response.statusCode()) || repeats == MOST_REPEATS) {
                    throw new ApiException(response, content);
                }
                retryAfter = response.headers().firstValue("retry-after").orElse("");
            } catch (IOException error) {
                if (repeats == MOST_REPEATS) {
                    throw error;
                }
            }
            Thread.sleep(pause(retryAfter, repeats).toMillis());
        }
    }

    /** Server-sent events: comments begin with a colon, an empty line ends an event. */
    void read(HttpResponse<InputStream> response) throws IOException {
        try (var lines = new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8))) {
            List<String> data = new ArrayList<>();
            String line;
            while ((line = lines.readLine()) != null) {
                if (line.startsWith(": gateway ")) {
                    cost = Json.text(line, "cost", "null");
                } else if (line.startsWith("data:")) {
                    data.add(line.substring(line.startsWith("data: ") ? 6 : 5));
                } else if (line.isEmpty() && !data.isEmpty()) {
                    show(response, String.join("\n", data));
                    data.clear();
                }
            }
        }
        if (!isDone) {
            throw new IOException("the connection ended before the answer did");
        }
    }

    void show(HttpResponse<InputStream> response, String text) {
        if (text.equals("[DONE]")) {
            isDone = true;
        } else if (text.startsWith("{\"error\"")) {
            throw new ApiException(response, text);
        } else {
            System.out.print(Json.text(text, "content", ""));
        }
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        var body = "{\"model\": " + Json.quoted(arguments[0])
                + ", \"messages\": [{\"role\": \"user\", \"content\": \"Count to ten.\"}], \"stream\": true}";
        try {
            var response = ask(body);
            var answer = new Raw();
            answer.read(response);
            System.out.println();
            System.out.println("cost " + answer.cost + ", request " + response.headers().firstValue("x-request-id").orElse(""));
        } catch (ApiException error) {
            System.out.println(error.status + " " + error.code + ", request " + error.requestId);
        }
    }
}
