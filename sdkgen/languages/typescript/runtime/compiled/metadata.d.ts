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
    readonly rateLimit: {
        readonly requests: RateLimit | null;
        readonly tokens: RateLimit | null;
    };
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
export declare function metadataOf(headers: Headers, retries?: number): GatewayMetadata;
/** The request's id; `request-id` is where Anthropic's format has it. */
export declare function requestIdOf(headers: Headers): string | null;
/** Milliseconds of `1.250s`, `1m30s`, `20ms` or a plain number of seconds; null for anything else. */
export declare function durationMs(text: string | null): number | null;
/** A stream's last comment says what its headers could not know: `gateway {"cost":"0.01","request_id":"…"}`. */
export declare function withFinalComment(metadata: GatewayMetadata, comment: string): GatewayMetadata;
