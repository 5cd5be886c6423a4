/** The body of an answer, read piece by piece under the limits of its attempt. */
import type { Attempt } from './attempt.js';
export declare class BodyReader {
    #private;
    constructor(response: Response, attempt: Attempt);
    /** The next piece, or null at the end. Throws what {@link Attempt.failure} says. */
    read(): Promise<Uint8Array | null>;
    /** The answer is complete: what may follow is read in the background, for the connection's sake. */
    finish(): void;
    /** Nobody wants the rest: the connection is closed, and the server sees it. */
    close(): Promise<void>;
}
/** The same body with its attempt's limits on it, for a caller that reads it by itself. */
export declare function guarded(response: Response, attempt: Attempt): Response;
