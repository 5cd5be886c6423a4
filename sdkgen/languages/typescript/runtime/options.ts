/** What can be set for a client and for one call. */

import type { Timeouts } from './attempt.js';
import { env } from './environment.js';
import { GatewayError } from './errors.js';
import type { Logger, LogLevel } from './logging.js';
import type { HeadersInput } from './request.js';
import { DEFAULT_MAX_RETRIES } from './retry.js';
import type { UploadProgress } from './uploads.js';

/** What is given to {@link Fetch}: the platform's own options, and the limit that only `nodeFetch` can keep. */
export interface FetchInit extends RequestInit {
  /** Milliseconds until the connection must stand. */
  connectTimeout?: number | null;
  duplex?: 'half';
}

/** The seam to the network: the platform's `fetch`, `nodeFetch`, or a double in a test. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

/** A key, or where to get one for each try: a short-lived one can be renewed. */
export type ApiKey = string | (() => string | Promise<string>);

export interface ClientOptions {
  /** The virtual key, for models; without it `GATEWAY_API_KEY`. */
  readonly apiKey?: ApiKey | undefined;
  /** The key of the management API; without it `GATEWAY_MANAGEMENT_KEY`. */
  readonly managementKey?: ApiKey | undefined;
  /** Where the gateway is, without `/v1`; without it `GATEWAY_BASE_URL`. */
  readonly baseUrl?: string | undefined;
  /** The organization that the management API acts in, for members of several; without it `GATEWAY_ORGANIZATION`. */
  readonly organization?: string | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Times a request is sent again that may be (default 2). */
  readonly maxRetries?: number | undefined;
  /** Headers of every request. */
  readonly headers?: HeadersInput | undefined;
  readonly fetch?: Fetch | undefined;
  /** Given to every `fetch`: `credentials`, `cache`, a `dispatcher` … */
  readonly fetchOptions?: Omit<FetchInit, 'method' | 'body' | 'headers' | 'signal'> | undefined;
  /** Where log lines go (default `console`). */
  readonly logger?: Logger | undefined;
  /** `off`, `error`, `warn` (default), `info` or `debug`; without it `GATEWAY_LOG`. */
  readonly logLevel?: LogLevel | undefined;
  /** `false`: no `X-Gateway-SDK` header; without it `GATEWAY_SDK_TELEMETRY`. */
  readonly telemetry?: boolean | undefined;
  /** Told before each pause that precedes another try. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** A try that failed, and will be followed by another. */
export interface Retry {
  /** 1 for the first try that is sent again. */
  readonly retries: number;
  readonly delayMs: number;
  /** Of the refusal; null when there was no answer. */
  readonly status: number | null;
  readonly reason: unknown;
}

export interface RequestOptions {
  /** Abort the call, its pauses and its stream. The call is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly maxRetries?: number | undefined;
  /** Headers to add; `null` takes one away. */
  readonly headers?: HeadersInput | undefined;
  /** Query parameters to add. */
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  /** Fields to add to a JSON body that this package does not know yet. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
  /** Names the call, so that it is made and billed once; `null`: none, and then a POST is not sent again. */
  readonly idempotencyKey?: string | null | undefined;
  /** Called as a form's bytes are sent. Browsers tell the beginning and the end only. */
  readonly onUploadProgress?: ((progress: UploadProgress) => void) | undefined;
  /** What the gateway does with this call. */
  readonly gateway?: GatewayOptions | undefined;
}

/** Headers of the gateway, by their meaning. */
export interface GatewayOptions {
  /** Cost dimensions of the call: `X-Gateway-Tags`. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** The person behind the call: `X-Gateway-End-User`. */
  readonly endUser?: string | undefined;
  /** `no-cache`, `no-store` or `max-age=N`: `X-Gateway-Cache`. */
  readonly cache?: 'no-cache' | 'no-store' | `max-age=${number}` | undefined;
  /** A routing strategy: `X-Gateway-Route`. */
  readonly route?: string | undefined;
  /** The caller's own id of the request: `X-Request-ID`. */
  readonly requestId?: string | undefined;
}

/** The gateway's headers. Throws for a tag that could not be told from two. */
export function gatewayHeaders(options: GatewayOptions | undefined): HeadersInput {
  return {
    'x-gateway-tags': options?.tags === undefined ? undefined : tagsOf(options.tags),
    'x-gateway-end-user': options?.endUser,
    'x-gateway-cache': options?.cache,
    'x-gateway-route': options?.route,
    'x-request-id': options?.requestId,
  };
}

function tagsOf(tags: Readonly<Record<string, string>>): string | undefined {
  const pairs = Object.entries(tags).map(([name, value]) => {
    if (/[=,]/.test(name) || value.includes(','))
      throw new GatewayError(`The tag ${name} must not contain "," or "=".`);
    return `${name}=${value}`;
  });
  return pairs.length === 0 ? undefined : pairs.join(',');
}

export const DEFAULT_TIMEOUTS: Timeouts = { connect: 5_000, firstByte: 120_000, idle: 60_000, total: 600_000 };

/** Limits over others; one that is left out, or undefined, stays. */
export function timeoutsOf(base: Timeouts, changes: Partial<Timeouts> | undefined): Timeouts {
  const { connect, firstByte, idle, total } = changes ?? {};
  return {
    connect: connect === undefined ? base.connect : connect,
    firstByte: firstByte === undefined ? base.firstByte : firstByte,
    idle: idle === undefined ? base.idle : idle,
    total: total === undefined ? base.total : total,
  };
}

/** How often to send again. Throws for nonsense. */
export function retriesOf(asked: number | undefined, fallback = DEFAULT_MAX_RETRIES): number {
  const found = asked ?? fallback;
  if (!Number.isInteger(found) || found < 0) throw new GatewayError('maxRetries must be a whole number, 0 or more.');
  return found;
}

/** The base URL that is set, or `fallback`. Throws for one that is none. */
export function baseUrlOf(asked: string | undefined, fallback: string | undefined): string {
  const found = asked ?? env('GATEWAY_BASE_URL') ?? fallback;
  if (found === undefined) throw new GatewayError('Set baseUrl or GATEWAY_BASE_URL to the address of your gateway.');
  let url: URL;
  try {
    url = new URL(found);
  } catch {
    throw new GatewayError(`baseUrl is no URL: ${found}`);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new GatewayError('baseUrl must begin with http:// or https://.');
  if (url.username !== '' || url.password !== '') throw new GatewayError('baseUrl must not contain a credential.');
  return (url.origin + url.pathname).replace(/\/+$/, '');
}
