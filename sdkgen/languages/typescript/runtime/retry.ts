/** When a request is sent again, and after how long. Pure: the client does the waiting. */

/** Times a request is sent again when nothing else is said. */
export const DEFAULT_MAX_RETRIES = 2;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8_000;
const JITTER = 0.25;
/** A server that asks for a longer pause is not asked again. */
const LONGEST_RETRY_AFTER_MS = 60_000;

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504, 529]);

/** Whether sending a request twice does no more than sending it once. */
export function isRepeatable(method: string, headers: Headers): boolean {
  return SAFE_METHODS.has(method) || headers.has('idempotency-key');
}

/**
 * Whether a refusal is worth another try. A used up budget (402) never is; a 429 always may be, since it came before
 * anything was done; else only what is repeatable.
 */
export function isRetried(status: number, code: string | null, headers: Headers, isRepeatable: boolean): boolean {
  const asked = headers.get('x-should-retry');
  if (status === 402 || asked === 'false') return false;
  const mayPass = asked === 'true' || RETRIED_STATUSES.has(status) || code === 'idempotency_in_flight';
  return mayPass && (isRepeatable || status === 429);
}

/** Milliseconds to wait before try number `retries + 1`, `headers` of the answer if there was one; null: do not. */
export function retryDelayMs(
  retries: number,
  headers?: Headers,
  now = Date.now(),
  random = Math.random(),
): number | null {
  const asked = headers === undefined ? null : retryAfterMs(headers, now);
  if (asked !== null) return asked <= LONGEST_RETRY_AFTER_MS ? asked : null;
  return Math.min(FIRST_DELAY_MS * 2 ** retries, LONGEST_DELAY_MS) * (1 - JITTER * random);
}

/** `retry-after-ms`, else `Retry-After` in seconds or as a date; null for neither or nonsense. */
export function retryAfterMs(headers: Headers, now: number): number | null {
  const millis = headers.get('retry-after-ms')?.trim();
  if (millis && /^\d+(\.\d+)?$/.test(millis)) return Number(millis);
  const after = headers.get('retry-after')?.trim();
  if (!after) return null;
  if (/^\d+(\.\d+)?$/.test(after)) return Number(after) * 1000;
  const at = Date.parse(after);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
