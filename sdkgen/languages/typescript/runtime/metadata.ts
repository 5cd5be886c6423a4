/** What the gateway says about an answer in its headers, typed. */

/** One kind of rate limit, of the limit that is nearest to its end. */
export interface RateLimit {
  readonly limit: number | null;
  readonly remaining: number | null;
  /** Milliseconds until the limit begins anew. */
  readonly resetMs: number | null;
}

/** How the gateway came to an answer. `null`: the gateway did not say. */
export interface GatewayMetadata {
  /** The id of the request, in the gateway's logs and ledger too. */
  readonly requestId: string | null;
  /** Cost of the answering attempt: an exact decimal in the price's currency. Of a stream it is known at its end. */
  readonly cost: string | null;
  /** `hit`, `miss` or `bypass`. */
  readonly cache: string | null;
  /** Cosine of the two questions, of a cache hit by meaning. */
  readonly cacheSimilarity: number | null;
  /** Seconds since the provider gave an answer that comes from the cache. */
  readonly age: number | null;
  /** Slug of the provider that answered. */
  readonly provider: string | null;
  /** Name of the model that answered. */
  readonly model: string | null;
  /** How many providers the gateway tried, the answering one included; 0 for an answer from the cache. */
  readonly attempts: number | null;
  /** Fields of the request that the provider cannot express and the route let drop. */
  readonly dropped: readonly string[];
  /** Guardrails that found something, and what they did. */
  readonly guardrails: Readonly<Record<string, string>>;
  readonly rateLimit: { readonly requests: RateLimit | null; readonly tokens: RateLimit | null };
  /** Id of the budget that binds, and when it begins anew. */
  readonly budget: string | null;
  readonly budgetResetsAt: string | null;
  /** Tokens that the rest of a budget pays for: the answer was cut there. */
  readonly outputCap: number | null;
  /** The answer is that of an earlier request with the same `Idempotency-Key`, which was billed once. */
  readonly isReplay: boolean;
  /** Id of the request whose answer is replayed. */
  readonly originalRequestId: string | null;
  /** How many times this package sent the request again before this answer. */
  readonly retries: number;
}

/** Read the headers of an answer; `retries` is the sender's own count. */
export function metadataOf(headers: Headers, retries = 0): GatewayMetadata {
  const number = (name: string): number | null => numberOf(headers.get(name));
  return {
    requestId: requestIdOf(headers),
    cost: headers.get('x-gateway-cost'),
    cache: headers.get('x-gateway-cache'),
    cacheSimilarity: number('x-gateway-cache-similarity'),
    age: number('age'),
    provider: headers.get('x-gateway-provider'),
    model: utf8(headers.get('x-gateway-model')),
    attempts: number('x-gateway-attempts'),
    dropped: list(headers.get('x-gateway-dropped')),
    guardrails: pairs(headers.get('x-gateway-guardrail')),
    rateLimit: { requests: rateLimitOf(headers, 'requests'), tokens: rateLimitOf(headers, 'tokens') },
    budget: headers.get('x-gateway-budget'),
    budgetResetsAt: headers.get('x-gateway-budget-resets-at'),
    outputCap: number('x-gateway-output-cap'),
    isReplay: headers.get('x-gateway-idempotent-replay') === 'true',
    originalRequestId: headers.get('x-gateway-original-request-id'),
    retries,
  };
}

/** The request's id; `request-id` is where Anthropic's format has it. */
export function requestIdOf(headers: Headers): string | null {
  return headers.get('x-request-id') ?? headers.get('request-id');
}

/** Milliseconds of `1.250s`, `1m30s`, `20ms` or a plain number of seconds; null for anything else. */
export function durationMs(text: string | null): number | null {
  if (!text) return null;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(text);
  if (!parts) return null;
  const [days, hours, minutes, seconds, millis] = parts.slice(1).map((part) => Number(part ?? 0));
  return ((days! * 24 + hours!) * 60 + minutes!) * 60_000 + seconds! * 1000 + millis!;
}

/** A stream's last comment says what its headers could not know: `gateway {"cost":"0.01","request_id":"…"}`. */
export function withFinalComment(metadata: GatewayMetadata, comment: string): GatewayMetadata {
  const said = /^\s*gateway (\{.*\})\s*$/.exec(comment);
  if (!said) return metadata;
  try {
    const found = JSON.parse(said[1]!) as { cost?: unknown; request_id?: unknown };
    return {
      ...metadata,
      cost: typeof found.cost === 'string' ? found.cost : metadata.cost,
      requestId: metadata.requestId ?? (typeof found.request_id === 'string' ? found.request_id : null),
    };
  } catch {
    return metadata;
  }
}

function rateLimitOf(headers: Headers, kind: string): RateLimit | null {
  const limit = numberOf(headers.get(`x-ratelimit-limit-${kind}`));
  const remaining = numberOf(headers.get(`x-ratelimit-remaining-${kind}`));
  const resetMs = durationMs(headers.get(`x-ratelimit-reset-${kind}`));
  return limit === null && remaining === null && resetMs === null ? null : { limit, remaining, resetMs };
}

function numberOf(text: string | null): number | null {
  if (text === null || text.trim() === '') return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function list(text: string | null): string[] {
  return text
    ? text
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean)
    : [];
}

function pairs(text: string | null): Record<string, string> {
  return Object.fromEntries(
    list(text).map((item) => [item.slice(0, item.lastIndexOf('=')), item.slice(item.lastIndexOf('=') + 1)]),
  );
}

/** `fetch` shows a header's bytes as Latin-1; the gateway writes names in UTF-8. */
function utf8(text: string | null): string | null {
  if (text === null || !/[\x80-\xff]/.test(text) || /[^\x00-\xff]/.test(text)) return text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  } catch {
    return text;
  }
}
