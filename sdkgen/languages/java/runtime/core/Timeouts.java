package com.llmgateway.core;

import java.time.Duration;
import java.util.Objects;

/**
 * The time limits of a call; {@link Duration#ZERO} switches one off.
 *
 * @param connect until a connection stands
 * @param firstByte from sending the request to the head of the answer, for each attempt
 * @param idle the longest silence in the middle of an answer
 * @param total the whole call with its repeats, until the answer is whole; of a stream, until it ends
 */
public record Timeouts(Duration connect, Duration firstByte, Duration idle, Duration total) {
    /** 5 s, 2 minutes, 1 minute, 10 minutes. */
    public static final Timeouts DEFAULT = new Timeouts(
            Duration.ofSeconds(5), Duration.ofMinutes(2), Duration.ofMinutes(1), Duration.ofMinutes(10));

    /** Refuses null and negative ones. */
    public Timeouts {
        for (Duration limit : new Duration[] {connect, firstByte, idle, total}) {
            if (Objects.requireNonNull(limit, "a time limit").isNegative()) {
                throw new IllegalArgumentException("A time limit is negative: " + limit);
            }
        }
    }

    /** The same with another limit for connecting. */
    public Timeouts withConnect(Duration limit) {
        return new Timeouts(limit, firstByte, idle, total);
    }

    /** The same with another limit for the first byte. */
    public Timeouts withFirstByte(Duration limit) {
        return new Timeouts(connect, limit, idle, total);
    }

    /** The same with another limit for silence. */
    public Timeouts withIdle(Duration limit) {
        return new Timeouts(connect, firstByte, limit, total);
    }

    /** The same with another limit for the whole call. */
    public Timeouts withTotal(Duration limit) {
        return new Timeouts(connect, firstByte, idle, limit);
    }
}
