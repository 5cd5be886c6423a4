/** One try of a call: its time-outs and the caller's signal, joined into the one signal that `fetch` takes. */
/** Limits in milliseconds; `null`: none. */
export interface Timeouts {
    /** Until the connection stands. `fetch` cannot tell: honoured by `nodeFetch`, else part of `firstByte`. */
    readonly connect: number | null;
    /** Until the answer begins. */
    readonly firstByte: number | null;
    /** Between two pieces of a stream, while the program waits for one. */
    readonly idle: number | null;
    /** Until the answer is complete, tries and pauses between them included. Streams: until the first byte. */
    readonly total: number | null;
}
export declare class Attempt {
    #private;
    private readonly timeouts;
    /** `totalLeftMs`: what is left of `timeouts.total`. */
    constructor(caller: AbortSignal | undefined, timeouts: Timeouts, totalLeftMs: number | null);
    get signal(): AbortSignal;
    /** The status and headers have arrived. */
    answered(): void;
    /** From here on the limit is that on silence. */
    streams(): void;
    /** The program begins or ends waiting for the next piece of a stream; its own time with a piece is not silence. */
    waits(isWaiting: boolean): void;
    /** End the exchange, if it still goes on. */
    abort(reason?: unknown): void;
    /** Nothing more will come: no timer or listener stays behind. */
    close(): void;
    /** What to throw for a failure of `fetch` or of a body: the abort's reason, else a {@link ConnectionError}. */
    failure(error: unknown, doing: string): unknown;
}
/** Wait, or throw the signal's reason as soon as it aborts. */
export declare function pause(ms: number, signal: AbortSignal | undefined): Promise<void>;
