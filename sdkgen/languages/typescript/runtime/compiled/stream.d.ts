/** An answer that arrives event by event. */
import type { Attempt } from './attempt.js';
import { type ErrorBook } from './errors.js';
import { type FoldName } from './fold.js';
import { type GatewayMetadata } from './metadata.js';
/** How the events of an operation are told apart, and how its stream ends. */
export interface StreamFormat {
    /** Data of the end mark, `[DONE]`; it is not an event. */
    readonly done?: string;
    /** Names of events after which nothing comes. Without `done` and `terminal` a stream ends when it ends. */
    readonly terminal?: readonly string[];
    /** The field of the data that names the event. Without it events have no names, and one that has is unknown. */
    readonly tag?: string;
    /** How the events add up to the whole answer. */
    readonly fold?: FoldName;
}
/** An event that this package does not know: it is handed over as it came. */
export declare class UnknownEvent {
    readonly event: string;
    /** The data as text. */
    readonly data: string;
    constructor(event: string, 
    /** The data as text. */
    data: string);
    /** The data as JSON; undefined when it is none. */
    get json(): unknown;
}
/**
 * The events of one answer: `for await (const event of stream)`. It can be read once. Leaving the loop early closes the
 * connection. A stream that breaks, or brings an error, throws a {@link StreamInterruptedError} with the answer as far
 * as it had come; it is never asked for again, since that could be billed twice.
 */
export declare class Stream<T, W = unknown> implements AsyncIterable<T> {
    #private;
    /** The answer's status and headers. */
    readonly response: Response;
    constructor(
    /** The answer's status and headers. */
    response: Response, attempt: Attempt, format: StreamFormat, retries: number, book: ErrorBook);
    /** What the gateway says about the answer; its cost is known when the stream has ended. */
    get gateway(): GatewayMetadata;
    /** The answer as far as it has come; undefined where events do not add up to one, or none has come. */
    get partial(): W | undefined;
    /** The events. Those whose kind this package does not know are left out: {@link events} has them too. */
    [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined>;
    /** All events, unknown ones included. */
    events(): AsyncGenerator<T | UnknownEvent, void, undefined>;
    /** All events of the whole stream. */
    collect(): Promise<T[]>;
    /** Read to the end; the answer as it would have come without a stream. */
    final(): Promise<W>;
    /** End the stream; whoever reads it gets an `AbortError`. */
    abort(reason?: unknown): void;
}
