package com.llmgateway.core;

import com.llmgateway.errors.ConnectionFailedException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.http.HttpHeaders;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;

/** A file as it arrives. Close it: that frees its connection. */
public final class BinaryResponse implements AutoCloseable {
    private final Transport.Reply reply;

    BinaryResponse(Transport.Reply reply) {
        this.reply = reply;
    }

    /** All headers. */
    public HttpHeaders headers() {
        return reply.headers();
    }

    /** Cost, provider, attempts and limits. */
    public GatewayMetadata gateway() {
        return new GatewayMetadata(reply.headers(), Optional.empty());
    }

    /** The media type that the answer says. */
    public Optional<String> contentType() {
        return reply.headers().firstValue("content-type");
    }

    /** The bytes as they arrive; reads end at the call's time limits. */
    public InputStream stream() {
        return reply.body();
    }

    /** All bytes in memory; the answer is closed then. */
    public byte[] readAllBytes() {
        try (InputStream body = reply.body()) {
            return body.readAllBytes();
        } catch (IOException error) {
            throw Failures.of(error);
        }
    }

    /**
     * Writes the bytes to a file, which is there only when all of them arrived, and closes the answer.
     *
     * @throws ConnectionFailedException when the transfer broke
     * @throws java.io.UncheckedIOException when the file cannot be written
     */
    public Path saveTo(Path target) {
        Path part = target.resolveSibling(target.getFileName() + ".part");
        try (InputStream body = reply.body();
                OutputStream file = Failures.onDisk(() -> Files.newOutputStream(part))) {
            byte[] buffer = new byte[64 * 1024];
            for (int count = body.read(buffer); count >= 0; count = body.read(buffer)) {
                int length = count;
                Failures.onDisk(() -> {
                    file.write(buffer, 0, length);
                    return null;
                });
            }
        } catch (IOException error) {
            throw Failures.of(error);
        }
        return Failures.onDisk(() -> Files.move(part, target, StandardCopyOption.REPLACE_EXISTING));
    }

    @Override
    public void close() {
        try {
            reply.body().close();
        } catch (IOException error) {
            throw Failures.of(error);
        }
    }
}
