/** When a request is sent again, and after how long. Pure: the client does the waiting. */
/** Times a request is sent again when nothing else is said. */
export declare const DEFAULT_MAX_RETRIES = 2;
/** Whether sending a request twice does no more than sending it once. */
export declare function isRepeatable(method: string, headers: Headers): boolean;
/** Whether an answer is worth another try, of a request that is repeatable. A used up budget (402) never is. */
export declare function isRetried(status: number, headers: Headers): boolean;
/** Milliseconds to wait before try number `retries + 1`; `headers` of the answer, if there was one. */
export declare function retryDelayMs(retries: number, headers?: Headers, now?: number, random?: number): number;
/** `retry-after-ms`, else `Retry-After` in seconds or as a date; null for neither or nonsense. */
export declare function retryAfterMs(headers: Headers, now: number): number | null;
