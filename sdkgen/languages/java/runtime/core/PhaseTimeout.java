package com.llmgateway.core;

import com.llmgateway.errors.TimedOutException.Phase;
import java.net.http.HttpTimeoutException;

/** A time limit that passed, as input and output report it. */
public final class PhaseTimeout extends HttpTimeoutException {
    private static final long serialVersionUID = 1L;

    private final Phase phase;

    /** With the limit. */
    public PhaseTimeout(Phase phase) {
        super(phase + " time-out");
        this.phase = phase;
    }

    /** Which limit it was. */
    public Phase phase() {
        return phase;
    }
}
