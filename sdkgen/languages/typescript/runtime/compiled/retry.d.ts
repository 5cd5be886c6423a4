/** When a request is sent again, and after how long. Pure: the client does the waiting. */
/** Times a request is sent again when nothing else is said. */
export declare const DEFAULT_MAX_RETRIES = 2;
/** Whether sending a request twice does no more than sending it once. */
export declare function isRepeatable(method: string, headers: Headers): boolean;
/**
 * Whether a refusal is worth another try. A used up budget (402) never is; a 429 always may be, since it came before
 * anything was done; else only what is repeatable.
 */
export declare function isRetried(status: number, code: string | null, headers: Headers, isRepeatable: boolean): boolean;
/** Milliseconds to wait before try number `retries + 1`, `headers` of the answer if there was one; null: do not. */
export declare function retryDelayMs(retries: number, headers?: Headers, now?: number, random?: number): number | null;
/** `retry-after-ms`, else `Retry-After` in seconds or as a date; null for neither or nonsense. */
export declare function retryAfterMs(headers: Headers, now: number): number | null;
