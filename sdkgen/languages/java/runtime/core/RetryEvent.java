package com.llmgateway.core;

import com.llmgateway.errors.LlmGatewayException;
import java.time.Duration;

/**
 * A call failed and is about to be made again.
 *
 * @param retry the number of the repeat, from 1
 * @param delay how long is waited before it
 * @param cause why
 */
public record RetryEvent(int retry, Duration delay, LlmGatewayException cause) {
}
