package com.llmgateway.core;

import java.time.Duration;

/**
 * The rate limit that is nearest to its end.
 *
 * @param limit how many requests or tokens a window allows
 * @param remaining how many are left
 * @param reset in how long the window begins anew
 */
public record RateLimit(long limit, long remaining, Duration reset) {
}
