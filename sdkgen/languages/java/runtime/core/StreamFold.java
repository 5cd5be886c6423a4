package com.llmgateway.core;

/** How the events of a stream add up to the answer that would have come without streaming. */
public enum StreamFold {
    /** They do not. */
    NONE,
    /** Chunks of {@code /v1/chat/completions}. */
    CHAT,
    /** Chunks of {@code /v1/completions}. */
    COMPLETION,
    /** Events of {@code /v1/responses}. */
    RESPONSES,
    /** Events of {@code /v1/messages}. */
    MESSAGES
}
