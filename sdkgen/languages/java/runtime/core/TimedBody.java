package com.llmgateway.core;

import com.llmgateway.errors.TimedOutException.Phase;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The body of an answer as a stream whose reads end by themselves: after silence, at the deadline, when the thread is
 * interrupted, when another thread closes it. The JDK's own stream of a body knows no time limit. At most two batches
 * of buffers wait to be read, so a slow reader slows the sender down.
 */
final class TimedBody extends InputStream implements BodySubscriber<InputStream> {
    private static final List<ByteBuffer> END = List.of(ByteBuffer.allocate(0));

    private final Transport.Limits limits;
    private final BlockingQueue<List<ByteBuffer>> arrived = new LinkedBlockingQueue<>();
    private volatile Flow.Subscription subscription;
    private volatile Throwable failure;
    private volatile boolean isClosed;
    private List<ByteBuffer> batch = List.of();
    private int next;

    TimedBody(Transport.Limits limits) {
        this.limits = limits;
    }

    @Override
    public CompletionStage<InputStream> getBody() {
        return CompletableFuture.completedStage(this);
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        if (isClosed) {
            given.cancel();
        } else {
            given.request(2);
        }
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        arrived.add(buffers);
    }

    @Override
    public void onError(Throwable error) {
        failure = error;
        arrived.add(END);
    }

    @Override
    public void onComplete() {
        arrived.add(END);
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        ByteBuffer buffer = current();
        if (buffer == null) {
            return -1;
        }
        int count = Math.min(length, buffer.remaining());
        buffer.get(target, offset, count);
        return count;
    }

    /** The buffer to read from; null at the end. */
    private ByteBuffer current() throws IOException {
        while (batch != END) {
            while (next < batch.size()) {
                ByteBuffer buffer = batch.get(next);
                if (buffer.hasRemaining()) {
                    return buffer;
                }
                next++;
            }
            if (!batch.isEmpty()) {
                subscription.request(1);
            }
            batch = await();
            next = 0;
        }
        if (isClosed) {
            throw new IOException("the body was closed");
        }
        if (failure != null) {
            throw new IOException(failure.getMessage(), failure);
        }
        return null;
    }

    private List<ByteBuffer> await() throws IOException {
        Duration wait = limits.deadline().shorterOf(limits.timeouts().idle());
        try {
            List<ByteBuffer> found =
                    wait == null ? arrived.take() : arrived.poll(wait.toNanos(), TimeUnit.NANOSECONDS);
            if (found != null) {
                return found;
            }
        } catch (InterruptedException error) {
            close();
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted").initCause(error);
        }
        close();
        throw new PhaseTimeout(limits.deadline().isOver() ? Phase.TOTAL : Phase.IDLE);
    }

    /**
     * Closes a body of which nothing more is wanted, after a moment for the end that is about to come: a connection can
     * be used again only when its answer was read to the end.
     */
    void finish(Duration patience) {
        long end = System.nanoTime() + patience.toNanos();
        try {
            while (batch != END) {
                List<ByteBuffer> found = arrived.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
                if (found == null) {
                    break;
                }
                batch = found;
                if (found != END) {
                    subscription.request(1);
                }
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        close();
    }

    @Override
    public void close() {
        if (isClosed) {
            return;
        }
        isClosed = true;
        Flow.Subscription given = subscription;
        if (given != null) {
            given.cancel();
        }
        arrived.add(END);
    }
}
