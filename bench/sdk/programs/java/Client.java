import com.llmgateway.LlmGateway;
import com.llmgateway.models.ChatCompletionRequest;
import com.llmgateway.models.ChatUserMessage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The Java SDK against java.net.http: {@code java Client ADDRESS} prints JSON. By hand nothing is parsed: the JDK has no JSON. */
public final class Client {
    private static final int ROUNDS = 7;
    private static final int CALLS = 400;
    private static final int CHUNKS = 40_000;
    private static final String MESSAGES = "\"messages\":[{\"role\":\"user\",\"content\":\"Say hello.\"}]";

    private Client() {
    }

    private interface Action {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        var http = HttpClient.newHttpClient();
        var plain = request(address, "{\"model\":\"m\"," + MESSAGES + "}");
        var streamed = request(address, "{\"model\":\"m\"," + MESSAGES + ",\"stream\":true}");
        var gateway = new LlmGateway(LlmGateway.settings().baseUrl(address).apiKey("gw-bench").build());
        var wanted = ChatCompletionRequest.of(List.of(ChatUserMessage.of("Say hello.")), "m");
        Action rawCall = () -> check(http.send(plain, HttpResponse.BodyHandlers.ofString()).body().contains("Hello"));
        Action call = () -> check(
                gateway.chat().completions().create(wanted).choices().get(0).message().content().isPresent());
        Action rawStream = () -> {
            var body = http.send(streamed, HttpResponse.BodyHandlers.ofInputStream()).body();
            int seen = 0;
            try (var lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    seen += line.startsWith("data: {") ? 1 : 0;
                }
            }
            check(seen == CHUNKS);
        };
        Action stream = () -> {
            int seen = 0;
            try (var events = gateway.chat().completions().stream(wanted)) {
                for (var event : events) {
                    seen += event.choices().get(0).delta().content().isPresent() ? 1 : 0;
                }
            }
            check(seen == CHUNKS);
        };
        var found = List.of(new ArrayList<Double>(), new ArrayList<Double>(), new ArrayList<Double>(),
                new ArrayList<Double>());
        for (int round = 0; round < ROUNDS + 2; round++) {
            double[] said = {p50(rawCall), p50(call), CHUNKS / seconds(rawStream), CHUNKS / seconds(stream)};
            for (int i = 0; round > 1 && i < said.length; i++) {
                found.get(i).add(said[i]);
            }
        }
        long cpu = ProcessHandle.current().info().totalCpuDuration().map(each -> each.toNanos()).orElse(0L);
        for (int i = 0; i < CALLS; i++) {
            call.run();
        }
        cpu = ProcessHandle.current().info().totalCpuDuration().map(each -> each.toNanos()).orElse(0L) - cpu;
        String memory = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmHWM")).findFirst().orElse("0").replaceAll("\\D", "");
        System.out.printf("{\"runtime\":\"Java %s\",\"raw_p50_us\":%f,\"sdk_p50_us\":%f,\"sdk_cpu_us\":%f,\"rss_bytes\":%d,"
                + "\"raw_chunks_per_s\":%f,\"sdk_chunks_per_s\":%f}%n",
                Runtime.version(), median(found.get(0)), median(found.get(1)), cpu / 1e3 / CALLS,
                Long.parseLong(memory) * 1024, median(found.get(2)), median(found.get(3)));
    }

    private static HttpRequest request(String address, String body) {
        return HttpRequest.newBuilder(URI.create(address + "/v1/chat/completions"))
                .header("authorization", "Bearer gw-bench").header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
    }

    private static void check(boolean holds) {
        if (!holds) {
            throw new IllegalStateException("not the answer that the server gives");
        }
    }

    private static double p50(Action action) throws Exception {
        var took = new ArrayList<Double>();
        for (int i = 0; i < CALLS; i++) {
            took.add(seconds(action) * 1e6);
        }
        return median(took);
    }

    private static double seconds(Action action) throws Exception {
        long began = System.nanoTime();
        action.run();
        return (System.nanoTime() - began) / 1e9;
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().skip(values.size() / 2).findFirst().orElseThrow();
    }
}
