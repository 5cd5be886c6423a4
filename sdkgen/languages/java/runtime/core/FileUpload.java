package com.llmgateway.core;

import java.io.FileNotFoundException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/**
 * A file to send. From a path it is read while it is sent, never whole into memory.
 *
 * @param name its name, as the receiver sees it
 * @param contentType its media type
 * @param source makes a publisher of its bytes, once for each attempt
 * @param isRepeatable whether {@code source} can be asked again
 */
public record FileUpload(String name, String contentType, Supplier<BodyPublisher> source, boolean isRepeatable) {
    private static final String ANY = "application/octet-stream";

    /** Refuses null. */
    public FileUpload {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(contentType, "contentType");
        Objects.requireNonNull(source, "source");
    }

    /** A file on disk, under its own name. */
    public static FileUpload of(Path path) {
        return new FileUpload(path.getFileName().toString(), ANY, () -> {
            try {
                return BodyPublishers.ofFile(path);
            } catch (FileNotFoundException error) {
                throw new UncheckedIOException(error);
            }
        }, true);
    }

    /** Bytes in memory. */
    public static FileUpload of(String name, byte[] bytes) {
        return new FileUpload(name, ANY, () -> BodyPublishers.ofByteArray(bytes), true);
    }

    /** A stream that is read once; such a call is never repeated. Its length is not known before, so it is chunked. */
    public static FileUpload of(String name, InputStream stream) {
        return new FileUpload(name, ANY, () -> BodyPublishers.ofInputStream(() -> stream), false);
    }

    /** The same with another media type. */
    public FileUpload withContentType(String type) {
        return new FileUpload(name, type, source, isRepeatable);
    }

    /** The same, which tells how many bytes were sent so far, on a thread of the transport; a repeat begins anew. */
    public FileUpload withProgress(LongConsumer sent) {
        return new FileUpload(name, contentType, () -> new CountedPublisher(source.get(), sent), isRepeatable);
    }
}
