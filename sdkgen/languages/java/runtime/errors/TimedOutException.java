package com.llmgateway.errors;

import java.util.Locale;

/** One of the four time limits of a call passed. */
public final class TimedOutException extends ConnectionFailedException {
    private static final long serialVersionUID = 1L;

    /** Which limit it was. */
    public enum Phase {
        /** No connection in time. */
        CONNECT,
        /** Connected, and no answer began in time. */
        FIRST_BYTE,
        /** The answer began and then fell silent. */
        IDLE,
        /** The whole call, with its repeats, took too long. */
        TOTAL
    }

    private final Phase phase;

    /** With the limit and what led to it. */
    public TimedOutException(Phase phase, Throwable cause) {
        super("Timed out: " + phase.name().toLowerCase(Locale.ROOT).replace('_', ' '), phase != Phase.CONNECT, cause);
        this.phase = phase;
    }

    /** Which limit it was. */
    public Phase phase() {
        return phase;
    }
}
