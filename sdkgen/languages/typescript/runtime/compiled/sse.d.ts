/** Server-sent events (WHATWG HTML, "Server-sent events", §9.2.6), from bytes as they arrive. */
/** One event as it came over the wire. */
export interface ServerSentEvent {
    /** The event's name; `message` when it has none. */
    readonly event: string;
    readonly data: string;
    readonly id: string | null;
}
/**
 * Cuts a stream of bytes into events. Lines end with LF, CR or CRLF, wherever a chunk is cut. Unlike a browser's
 * EventSource it hands over the last event of a stream that ends without a blank line: what the data says decides
 * whether that stream is complete.
 */
export declare class SseDecoder {
    #private;
    constructor(onComment?: (comment: string) => void);
    /** The events that these bytes complete. */
    push(bytes: Uint8Array): ServerSentEvent[];
    /** The event that had begun when the stream ended, if any. */
    end(): ServerSentEvent[];
}
