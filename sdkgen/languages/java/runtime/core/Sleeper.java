package com.llmgateway.core;

import java.time.Duration;

/** How a client waits before a repeat; tests put a clock of their own here. */
@FunctionalInterface
public interface Sleeper {
    /** Returns after this time. */
    void sleep(Duration time) throws InterruptedException;
}
