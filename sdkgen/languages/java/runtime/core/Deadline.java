package com.llmgateway.core;

import java.time.Duration;

/** A point on the monotonic clock at which something has to be over; or none. */
public final class Deadline {
    private final boolean isNever;
    private final long at;

    private Deadline(boolean isNever, long at) {
        this.isNever = isNever;
        this.at = at;
    }

    /** So long from now; never when that is zero. */
    static Deadline in(Duration limit) {
        return new Deadline(limit.isZero(), System.nanoTime() + limit.toNanos());
    }

    /** Whether it has passed. */
    public boolean isOver() {
        return !isNever && at - System.nanoTime() <= 0;
    }

    /** Whether a wait of this length ends after it. */
    boolean isBefore(Duration wait) {
        return !isNever && at - System.nanoTime() < wait.toNanos();
    }

    /** What is left of a limit (zero: none) before this point; at least 1 ns, null when neither ends it. */
    public Duration shorterOf(Duration limit) {
        if (isNever) {
            return limit.isZero() ? null : limit;
        }
        Duration left = Duration.ofNanos(Math.max(1, at - System.nanoTime()));
        return limit.isZero() || left.compareTo(limit) < 0 ? left : limit;
    }
}
