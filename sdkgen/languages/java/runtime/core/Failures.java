package com.llmgateway.core;

import com.llmgateway.errors.ConnectionFailedException;
import com.llmgateway.errors.LlmGatewayException;
import com.llmgateway.errors.CancelledException;
import com.llmgateway.errors.TimedOutException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.util.concurrent.Callable;

/** What went wrong below HTTP, in the words of this library. */
final class Failures {
    private Failures() {
    }

    static LlmGatewayException of(IOException error) {
        if (error instanceof PhaseTimeout timeout) {
            return new TimedOutException(timeout.phase(), error);
        }
        if (error instanceof InterruptedIOException) {
            return new CancelledException(error);
        }
        String said = error.getMessage() == null ? error.getClass().getSimpleName() : error.getMessage();
        boolean isSent = !(error instanceof ConnectException);
        return new ConnectionFailedException(
                (isSent ? "The connection broke: " : "The gateway could not be reached: ") + said, isSent, error);
    }

    /** The thread stays interrupted. */
    static CancelledException of(InterruptedException error) {
        Thread.currentThread().interrupt();
        return new CancelledException(error);
    }

    /** Runs what only touches local files, so that their errors are not taken for the network's. */
    static <T> T onDisk(Callable<T> action) {
        try {
            return action.call();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }
}
