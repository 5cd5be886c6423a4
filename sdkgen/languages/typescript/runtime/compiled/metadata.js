/** What the gateway says about an answer in its headers, typed. */
/** Read the headers of an answer; `retries` is the sender's own count. */
export function metadataOf(headers, retries = 0) {
    const number = (name) => numberOf(headers.get(name));
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
export function requestIdOf(headers) {
    return headers.get('x-request-id') ?? headers.get('request-id');
}
/** Milliseconds of `1.250s`, `1m30s`, `20ms` or a plain number of seconds; null for anything else. */
export function durationMs(text) {
    if (!text)
        return null;
    if (/^\d+(\.\d+)?$/.test(text))
        return Number(text) * 1000;
    const parts = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(text);
    if (!parts)
        return null;
    const [days, hours, minutes, seconds, millis] = parts.slice(1).map((part) => Number(part ?? 0));
    return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000 + millis;
}
/** A stream's last comment says what its headers could not know: `gateway {"cost":"0.01","request_id":"…"}`. */
export function withFinalComment(metadata, comment) {
    const said = /^\s*gateway (\{.*\})\s*$/.exec(comment);
    if (!said)
        return metadata;
    try {
        const found = JSON.parse(said[1]);
        return {
            ...metadata,
            cost: typeof found.cost === 'string' ? found.cost : metadata.cost,
            requestId: metadata.requestId ?? (typeof found.request_id === 'string' ? found.request_id : null),
        };
    }
    catch {
        return metadata;
    }
}
function rateLimitOf(headers, kind) {
    const limit = numberOf(headers.get(`x-ratelimit-limit-${kind}`));
    const remaining = numberOf(headers.get(`x-ratelimit-remaining-${kind}`));
    const resetMs = durationMs(headers.get(`x-ratelimit-reset-${kind}`));
    return limit === null && remaining === null && resetMs === null ? null : { limit, remaining, resetMs };
}
function numberOf(text) {
    if (text === null || text.trim() === '')
        return null;
    const value = Number(text);
    return Number.isFinite(value) ? value : null;
}
function list(text) {
    return text
        ? text
            .split(',')
            .map((item) => item.trim())
            .filter(Boolean)
        : [];
}
function pairs(text) {
    return Object.fromEntries(list(text).map((item) => [item.slice(0, item.lastIndexOf('=')), item.slice(item.lastIndexOf('=') + 1)]));
}
/** `fetch` shows a header's bytes as Latin-1; the gateway writes names in UTF-8. */
function utf8(text) {
    if (text === null || !/[\x80-\xff]/.test(text) || /[^\x00-\xff]/.test(text))
        return text;
    try {
        return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(text, (char) => char.charCodeAt(0)));
    }
    catch {
        return text;
    }
}
