package com.llmgateway.core;

import static com.llmgateway.core.Check.equal;
import static com.llmgateway.core.Check.fails;

import com.llmgateway.errors.ConnectionFailedException;
import com.llmgateway.errors.ErrorClasses;
import com.llmgateway.errors.CancelledException;
import com.llmgateway.errors.TimedOutException;
import com.llmgateway.errors.TimedOutException.Phase;
import com.llmgateway.errors.StreamInterruptedException;
import com.llmgateway.json.Codecs;
import com.llmgateway.json.JsonObject;
import com.llmgateway.json.JsonValue;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Over real sockets. A connection's behaviour is a function of the request's number; no test measures time. */
final class HttpTest {
    private static final StreamRules<JsonValue, JsonObject> CHAT =
            new StreamRules<>(Codecs.ANY, false, "[DONE]", Set.of(), StreamFold.CHAT, Codecs.OBJECT);
    private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    private static final String CHUNKED =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

    @FunctionalInterface
    private interface Answer {
        /** False ends the connection. */
        boolean write(int number, OutputStream out) throws Exception;
    }

    private static final class Server implements AutoCloseable {
        private final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        final AtomicInteger connections = new AtomicInteger();
        final AtomicInteger count = new AtomicInteger();
        final List<String> requests = Collections.synchronizedList(new ArrayList<>());
        final CountDownLatch left = new CountDownLatch(1);
        private final Answer answer;

        Server(Answer answer) throws IOException {
            this.answer = answer;
            Thread thread = new Thread(this::accept);
            thread.setDaemon(true);
            thread.start();
        }

        private void accept() {
            try {
                while (true) {
                    Socket connection = socket.accept();
                    connections.incrementAndGet();
                    Thread thread = new Thread(() -> serve(connection));
                    thread.setDaemon(true);
                    thread.start();
                }
            } catch (IOException error) {
                // closed
            }
        }

        private void serve(Socket connection) {
            try (connection; InputStream in = new BufferedInputStream(connection.getInputStream())) {
                while (request(in)) {
                    if (!answer.write(count.incrementAndGet(), connection.getOutputStream())) {
                        return;
                    }
                    connection.getOutputStream().flush();
                }
                left.countDown();
            } catch (Exception error) {
                left.countDown();
            }
        }

        private boolean request(InputStream in) throws IOException {
            ByteArrayOutputStream head = new ByteArrayOutputStream();
            while (!head.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
                int c = in.read();
                if (c < 0) {
                    return false;
                }
                head.write(c);
            }
            String text = head.toString(StandardCharsets.ISO_8859_1);
            java.util.regex.Matcher length =
                    java.util.regex.Pattern.compile("(?i)content-length: (\\d+)").matcher(text);
            String body = length.find()
                    ? new String(in.readNBytes(Integer.parseInt(length.group(1))), StandardCharsets.ISO_8859_1) : "";
            requests.add(text + body);
            return true;
        }

        ApiClient client(Timeouts timeouts) {
            return new ApiClient(ClientOptions.builder().environment(Map.of()).apiKey("gw-x").timeouts(timeouts)
                    .baseUrl("http://127.0.0.1:" + socket.getLocalPort()).sleeper(time -> { }).build(),
                    new SdkInfo("1.0.0", "0"), new ErrorClasses("", Map.of()));
        }

        ApiClient client() {
            return client(Timeouts.DEFAULT);
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    private static void write(OutputStream out, String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    private static String chunk(String text) {
        return Integer.toHexString(text.getBytes(StandardCharsets.UTF_8).length) + "\r\n" + text + "\r\n";
    }

    private static ApiRequest get() {
        return new ApiRequest("GET", "/v1/models");
    }

    private static ApiRequest post() {
        return new ApiRequest("POST", "/v1/chat/completions").json(JsonObject.EMPTY).idempotent();
    }

    private static boolean forever(int number, OutputStream out) throws InterruptedException {
        Thread.sleep(60_000);
        return false;
    }

    static void aConnectionIsUsedAgainAfterCallsErrorsAndStreams() throws Exception {
        try (Server server = new Server((number, out) -> {
            write(out, number == 2 ? "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
                    : number == 3 ? CHUNKED + chunk("data: {}\n\n") + chunk("data: [DONE]\n\n") + "0\r\n\r\n" : OK);
            return true;
        })) {
            ApiClient client = server.client();
            client.call(get(), RequestOptions.NONE, Codecs.ANY);
            fails(com.llmgateway.errors.NotFoundException.class,
                    () -> client.call(get(), RequestOptions.NONE, Codecs.ANY));
            client.stream(post(), RequestOptions.NONE, CHAT).forEach(event -> { });
            client.call(get(), RequestOptions.NONE, Codecs.ANY);
            equal(4, server.count.get());
            equal(1, server.connections.get());
        }
    }

    static void noFirstByteInTimeEndsAnAttempt() throws Exception {
        try (Server server = new Server(HttpTest::forever)) {
            TimedOutException error = fails(TimedOutException.class,
                    () -> server.client(Timeouts.DEFAULT.withFirstByte(Duration.ofMillis(100)))
                            .call(get(), RequestOptions.NONE, Codecs.ANY));
            equal(Phase.FIRST_BYTE, error.phase());
            equal(3, server.count.get());
        }
    }

    static void silenceInTheMiddleEndsAStream() throws Exception {
        try (Server server = new Server((number, out) -> {
            write(out, CHUNKED + chunk("data: {}\n\n"));
            return forever(number, out);
        })) {
            EventStream<JsonValue, JsonObject> stream = server.client(Timeouts.DEFAULT.withIdle(Duration.ofMillis(100)))
                    .stream(post(), RequestOptions.NONE, CHAT);
            Iterator<JsonValue> events = stream.iterator();
            equal("{}", events.next().toJson());
            StreamInterruptedException cut = fails(StreamInterruptedException.class, events::next);
            equal(Phase.IDLE, ((TimedOutException) cut.getCause()).phase());
            equal(1, server.count.get());
        }
    }

    static void theWholeCallHasALimit() throws Exception {
        try (Server server = new Server((number, out) -> {
            write(out, CHUNKED);
            while (true) {
                write(out, chunk(": ping\n\n"));
                Thread.sleep(20);
            }
        })) {
            Timeouts hurry = Timeouts.DEFAULT.withTotal(Duration.ofMillis(300));
            EventStream<JsonValue, JsonObject> stream = server.client(hurry).stream(post(), RequestOptions.NONE, CHAT);
            StreamInterruptedException cut =
                    fails(StreamInterruptedException.class, () -> stream.iterator().next());
            equal(Phase.TOTAL, ((TimedOutException) cut.getCause()).phase());
        }
    }

    static void aCutAnswerIsAskedForAgain() throws Exception {
        try (Server server = new Server((number, out) -> {
            write(out, number == 1 ? "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"a\"" : OK);
            return number != 1;
        })) {
            equal("{}", server.client().call(post(), RequestOptions.NONE, Codecs.ANY).text());
            equal(2, server.count.get());
        }
    }

    static void aCutStreamIsNotAskedForAgain() throws Exception {
        try (Server server = new Server((number, out) -> {
            write(out, CHUNKED + chunk("data: {\"choices\":[]}\n\n") + "ff\r\ndata: {");
            return false;
        })) {
            EventStream<JsonValue, JsonObject> stream = server.client().stream(post(), RequestOptions.NONE, CHAT);
            StreamInterruptedException cut =
                    fails(StreamInterruptedException.class, () -> stream.forEach(event -> { }));
            equal(1L, cut.events());
            equal(1, server.count.get());
        }
    }

    static void closingAStreamClosesItsConnection() throws Exception {
        try (Server server = new Server((number, out) -> {
            write(out, CHUNKED);
            while (true) {
                write(out, chunk("data: {}\n\n"));
                Thread.sleep(5);
            }
        })) {
            EventStream<JsonValue, JsonObject> stream = server.client().stream(post(), RequestOptions.NONE, CHAT);
            stream.iterator().next();
            stream.close();
            equal(true, server.left.await(30, TimeUnit.SECONDS));
        }
    }

    static void anotherThreadMayCloseAStream() throws Exception {
        try (Server server = new Server((number, out) -> {
            write(out, CHUNKED + chunk("data: {}\n\n"));
            return forever(number, out);
        })) {
            EventStream<JsonValue, JsonObject> stream = server.client().stream(post(), RequestOptions.NONE, CHAT);
            Iterator<JsonValue> events = stream.iterator();
            events.next();
            new Thread(stream::close).start();
            fails(CancelledException.class, events::next);
        }
    }

    static void interruptingTheThreadGivesTheCallUp() throws Exception {
        CountDownLatch arrived = new CountDownLatch(1);
        try (Server server = new Server((number, out) -> {
            arrived.countDown();
            return forever(number, out);
        })) {
            CompletableFuture<Boolean> wasInterrupted = new CompletableFuture<>();
            Thread caller = new Thread(() -> {
                try {
                    server.client().call(get(), RequestOptions.NONE, Codecs.ANY);
                } catch (CancelledException error) {
                    wasInterrupted.complete(Thread.currentThread().isInterrupted());
                }
            });
            caller.start();
            arrived.await();
            caller.interrupt();
            equal(true, wasInterrupted.get(30, TimeUnit.SECONDS));
            equal(1, server.count.get());
        }
    }

    static void cancellingAFutureGivesTheCallUp() throws Exception {
        CountDownLatch given = new CountDownLatch(1);
        CountDownLatch arrived = new CountDownLatch(1);
        try (Server server = new Server((number, out) -> {
            arrived.countDown();
            return forever(number, out);
        })) {
            ApiClient client = server.client();
            CompletableFuture<JsonValue> future = client.async(() -> {
                try {
                    return client.call(get(), RequestOptions.NONE, Codecs.ANY).value();
                } catch (CancelledException error) {
                    given.countDown();
                    throw error;
                }
            });
            arrived.await();
            future.cancel(true);
            equal(true, given.await(30, TimeUnit.SECONDS));
        }
    }

    static void aFutureHasTheValueOrTheError() throws Exception {
        try (Server server = new Server((number, out) -> {
            write(out, number == 1 ? OK : "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            return true;
        })) {
            ApiClient client = server.client();
            equal("{}", client.async(() -> client.call(get(), RequestOptions.NONE, Codecs.ANY).text()).get());
            ExecutionException error = fails(ExecutionException.class,
                    () -> client.async(() -> client.call(get(), RequestOptions.NONE, Codecs.ANY)).get());
            equal(com.llmgateway.errors.BadRequestException.class, error.getCause().getClass());
        }
    }

    static void whereNobodyListensIsAConnectionError() throws Exception {
        Server server = new Server(HttpTest::forever);
        server.close();
        ConnectionFailedException error = fails(ConnectionFailedException.class,
                () -> server.client().call(get(), RequestOptions.NONE, Codecs.ANY));
        equal(ConnectionFailedException.class, error.getClass());
    }

    static void filesAreSentInFormsWithTheirProgress() throws Exception {
        Path file = Files.createTempFile("llm-gateway", ".jsonl");
        try (Server server = new Server((number, out) -> {
            write(out, OK);
            return true;
        })) {
            Files.writeString(file, "x".repeat(200_000));
            List<Long> progress = Collections.synchronizedList(new ArrayList<>());
            MultipartForm form = new MultipartForm()
                    .fields((JsonObject) JsonValue.parse(
                            "{\"purpose\":\"batch\",\"n\":2,\"no\":null,\"l\":[\"a\",\"b\"]}"))
                    .file("file", FileUpload.of(file).withProgress(progress::add))
                    .file("x\"y\r\n", FileUpload.of("n\".txt", new byte[] {'!'}).withContentType("text/plain"));
            ApiRequest request =
                    new ApiRequest("POST", "/v1/files").body(new RequestBody.Form(form, "BOUNDARY"));
            server.client().call(request, RequestOptions.NONE, Codecs.ANY);
            String sent = server.requests.get(0);
            String body = sent.substring(sent.indexOf("\r\n\r\n") + 4);
            String part = "--BOUNDARY\r\nContent-Disposition: form-data; name=";
            equal(part + "\"purpose\"\r\n\r\nbatch\r\n" + part + "\"n\"\r\n\r\n2\r\n"
                    + part + "\"l\"\r\n\r\na\r\n" + part + "\"l\"\r\n\r\nb\r\n" + part + "\"file\"; filename=\""
                    + file.getFileName() + "\"\r\nContent-Type: application/octet-stream\r\n\r\n"
                    + "x".repeat(200_000) + "\r\n"
                    + part + "\"x%22y%0D%0A\"; filename=\"n%22.txt\"\r\nContent-Type: text/plain\r\n\r\n!\r\n"
                    + "--BOUNDARY--\r\n", body);
            equal(true, sent.contains("multipart/form-data; boundary=BOUNDARY"));
            equal(200_000L, progress.get(progress.size() - 1));
            equal(true, progress.size() > 1);
        } finally {
            Files.delete(file);
        }
    }

    static void filesAreSavedWholeOrNotAtAll() throws Exception {
        Path folder = Files.createTempDirectory("llm-gateway");
        Path target = folder.resolve("speech.mp3");
        try (Server server = new Server((number, out) -> {
            write(out, number == 1 ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
                    : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: audio/mpeg\r\n\r\nabc");
            return number != 1;
        })) {
            ApiClient client = server.client();
            fails(ConnectionFailedException.class,
                    () -> client.callForFile(post(), RequestOptions.NONE.maxRetries(0)).saveTo(target));
            equal(false, Files.exists(target));
            client.callForFile(post(), RequestOptions.NONE).saveTo(target);
            equal("abc", Files.readString(target));
        }
    }

    static void zippedAnswersAreUnzipped() throws Exception {
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (OutputStream zip = new java.util.zip.GZIPOutputStream(zipped)) {
            zip.write("{\"a\":1}".getBytes(StandardCharsets.UTF_8));
        }
        try (Server server = new Server((number, out) -> {
            write(out, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + zipped.size() + "\r\n\r\n");
            out.write(zipped.toByteArray());
            return true;
        })) {
            equal("{\"a\":1}", server.client().call(get(), RequestOptions.NONE, Codecs.ANY).text());
        }
    }
}
