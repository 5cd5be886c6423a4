/** Server-sent events (WHATWG HTML, "Server-sent events", §9.2.6), from bytes as they arrive. */
/** One event as it came over the wire. */
export interface ServerSentEvent {
    /** The event's name; `message` when it has none. */
    readonly event: string;
    readonly data: string;
    readonly id: string | null;
}
/**
 * Cuts a stream of bytes into events. Lines end with LF, CR or CRLF, wherever a chunk is cut. An event without its
 * blank line at the end of the stream is none, as the standard says.
 */
export declare class SseDecoder {
    #private;
    constructor(onComment?: (comment: string) => void);
    /** The events that these bytes complete. */
    push(bytes: Uint8Array): ServerSentEvent[];
    /** Whether an event has begun and not ended. */
    get isWithin(): boolean;
}
