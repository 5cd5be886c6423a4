/** What can go wrong, one class per thing that a caller handles differently. */

import { requestIdOf, metadataOf, type GatewayMetadata } from './metadata.js';
import { retryAfterMs } from './retry.js';

/** Everything that this package throws, but for a caller's own abort, which is thrown as its signal's reason. */
export class GatewayError extends Error {
  static {
    this.prototype.name = 'GatewayError';
  }
}

/** The request could not be sent, or the connection broke before the answer was complete. `cause` has the reason. */
export class ConnectionError extends GatewayError {
  static {
    this.prototype.name = 'ConnectionError';
  }
  /** Whether the server may have seen the request. */
  get isSent(): boolean {
    const codes = new Set<unknown>();
    for (let inner: unknown = this; inner instanceof Error; inner = inner.cause)
      codes.add((inner as { code?: unknown }).code);
    return !UNSENT.some((code) => codes.has(code));
  }
}

/** What Node calls a connection that was never there; browsers do not say. */
const UNSENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

/** Which limit of time passed. */
export type TimeoutPhase = 'connect' | 'first_byte' | 'idle' | 'total';

/** A time-out of this side. `phase` says which one. */
export class TimeoutError extends ConnectionError {
  static {
    this.prototype.name = 'TimeoutError';
  }
  constructor(
    readonly phase: TimeoutPhase,
    readonly timeoutMs: number,
  ) {
    super(`${PHASES[phase]} within ${timeoutMs} ms (time-out "${phase}").`);
  }
  override get isSent(): boolean {
    return this.phase !== 'connect';
  }
}

const PHASES: Readonly<Record<TimeoutPhase, string>> = {
  connect: 'The connection was not established',
  first_byte: 'The server did not begin to answer',
  idle: 'The stream brought nothing new',
  total: 'The call was not complete',
};

/** The answer is no valid JSON. `body` has its beginning. */
export class DecodeError extends GatewayError {
  static {
    this.prototype.name = 'DecodeError';
  }
  constructor(
    message: string,
    readonly body: string,
    readonly requestId: string | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * A stream ended before its end mark, by a broken connection, silence, or an error event, whose typed error is the
 * `cause`. What had arrived is billed; nothing is sent again.
 */
export class StreamInterruptedError<W = unknown> extends ConnectionError {
  static {
    this.prototype.name = 'StreamInterruptedError';
  }
  constructor(
    message: string,
    /** The answer as far as it had come; undefined where events do not add up to one. */
    readonly partial: W | undefined,
    /** The server's word for it, when it said why. */
    readonly code: string | null,
    readonly gateway: GatewayMetadata,
    options?: ErrorOptions,
  ) {
    super(gateway.requestId === null ? message : `${message} (request ${gateway.requestId})`, options);
  }
  /** The request's id, to find it in the gateway's ledger. */
  get requestId(): string | null {
    return this.gateway.requestId;
  }
}

/** One faulty input of a request to the management API. */
export interface FieldError {
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

/** What an {@link ApiError} is made from. */
export interface ApiErrorDetails {
  /** HTTP status; undefined for an error within a stream, whose status was sent already. */
  readonly status: number | undefined;
  /** The gateway's stable word for it, such as `model_not_found`. */
  readonly code: string | null;
  readonly type: string | null;
  readonly param: string | null;
  readonly message: string;
  readonly errors: readonly FieldError[];
  readonly body: unknown;
  readonly headers: Headers;
  readonly requestId: string | null;
  readonly docUrl: string | null;
}

/** The server answered with an error. */
export class ApiError extends GatewayError {
  static {
    this.prototype.name = 'ApiError';
  }
  readonly status: number | undefined;
  readonly code: string | null;
  readonly type: string | null;
  /** The field of the request that is at fault. */
  readonly param: string | null;
  /** Each faulty input, of the management API. */
  readonly errors: readonly FieldError[];
  /** The answer's body: parsed JSON, else text. */
  readonly body: unknown;
  readonly headers: Headers;
  readonly requestId: string | null;
  /** The page that explains the code, where the package was made with one. */
  readonly docUrl: string | null;

  constructor(readonly details: ApiErrorDetails) {
    super(said(details));
    this.status = details.status;
    this.code = details.code;
    this.type = details.type;
    this.param = details.param;
    this.errors = details.errors;
    this.body = details.body;
    this.headers = details.headers;
    this.requestId = details.requestId;
    this.docUrl = details.docUrl;
  }

  /** Milliseconds that the server asks to wait; null when it does not. */
  get retryAfterMs(): number | null {
    return retryAfterMs(this.headers, Date.now());
  }

  /** What the gateway's headers say about the refusal. */
  get gateway(): GatewayMetadata {
    return metadataOf(this.headers);
  }
}

/** 400, and other 4xx without a class of their own. */
export class BadRequestError extends ApiError {
  static {
    this.prototype.name = 'BadRequestError';
  }
}
/** 401: no key, or one that is mistyped, expired or revoked. */
export class AuthenticationError extends ApiError {
  static {
    this.prototype.name = 'AuthenticationError';
  }
}
/** 402: a budget is used up. It is never sent again by itself. */
export class PaymentRequiredError extends ApiError {
  static {
    this.prototype.name = 'PaymentRequiredError';
  }
  /** Id of the budget that binds. */
  get budget(): string | null {
    return this.gateway.budget;
  }
  /** When the budget begins anew; null for one that does not. */
  get resetsAt(): Date | null {
    const at = this.gateway.budgetResetsAt;
    return at === null || Number.isNaN(Date.parse(at)) ? null : new Date(at);
  }
}
/** 403: the key may not do this. */
export class PermissionDeniedError extends ApiError {
  static {
    this.prototype.name = 'PermissionDeniedError';
  }
}
/** 404: no such thing, or not for this key. */
export class NotFoundError extends ApiError {
  static {
    this.prototype.name = 'NotFoundError';
  }
}
/** 409: the state of the thing does not allow it. */
export class ConflictError extends ApiError {
  static {
    this.prototype.name = 'ConflictError';
  }
}
/** 422: well-formed, and not acceptable. */
export class UnprocessableEntityError extends ApiError {
  static {
    this.prototype.name = 'UnprocessableEntityError';
  }
}
/** 429: a rate limit is used up, or a budget's rest is held by calls that are running. */
export class RateLimitedError extends ApiError {
  static {
    this.prototype.name = 'RateLimitedError';
  }
}
/** 5xx. */
export class ServerError extends ApiError {
  static {
    this.prototype.name = 'ServerError';
  }
}

/** The classes of codes, with the status that each code comes with. */
export type ErrorCodes = Readonly<
  Record<string, readonly [status: number, of: new (details: ApiErrorDetails) => ApiError]>
>;

const BY_STATUS: Readonly<Record<number, new (details: ApiErrorDetails) => ApiError>> = {
  400: BadRequestError,
  401: AuthenticationError,
  402: PaymentRequiredError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  422: UnprocessableEntityError,
  429: RateLimitedError,
};

// An error within a stream has no status; its type says what it would have been.
const STATUS_OF_TYPE: Readonly<Record<string, number | undefined>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
};

/** What errors are made with: the classes of codes, and the address of the page that explains them. */
export interface ErrorBook {
  readonly codes: ErrorCodes;
  readonly docs: string | null;
}

/** The typed error of an answer's status and body (parsed JSON, or text). */
export function errorOfAnswer(status: number, headers: Headers, body: unknown, book: ErrorBook): ApiError {
  const details = detailsOf(status, headers, body, book.docs);
  const known = codeOf(details, book);
  // A provider's own refusal passes through with its own status, whatever its code.
  return new (known?.[0] === status ? known[1] : classOf(status))(details);
}

/** The typed error of an error event within a stream. */
export function errorOfEvent(headers: Headers, body: unknown, book: ErrorBook): ApiError {
  const details = detailsOf(undefined, headers, body, book.docs);
  const known = codeOf(details, book);
  return new (known?.[1] ?? classOf(STATUS_OF_TYPE[details.type ?? ''] ?? 500))(details);
}

function codeOf(details: ApiErrorDetails, book: ErrorBook): ErrorCodes[string] | undefined {
  return details.code !== null && Object.hasOwn(book.codes, details.code) ? book.codes[details.code] : undefined;
}

function classOf(status: number): new (details: ApiErrorDetails) => ApiError {
  return BY_STATUS[status] ?? (status >= 500 ? ServerError : status >= 400 ? BadRequestError : ApiError);
}

function detailsOf(status: number | undefined, headers: Headers, body: unknown, docs: string | null): ApiErrorDetails {
  const whole = fieldsOf(body);
  const inner = typeof whole['error'] === 'object' && whole['error'] !== null ? fieldsOf(whole['error']) : whole;
  const text = (name: string): string | null => {
    const value = inner[name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const code = text('code');
  const plain =
    typeof whole['error'] === 'string' ? whole['error'] : typeof body === 'string' ? body.slice(0, 500) : '';
  return {
    status,
    code,
    type: text('type'),
    param: text('param'),
    message: text('message') ?? text('detail') ?? text('title') ?? (plain.trim() || 'The server gave no reason.'),
    errors: Array.isArray(whole['errors']) ? (whole['errors'] as FieldError[]) : [],
    body,
    headers,
    requestId: requestIdOf(headers) ?? (typeof whole['request_id'] === 'string' ? whole['request_id'] : null),
    docUrl: code !== null && docs !== null ? `${docs}#${encodeURIComponent(code)}` : null,
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function said(details: ApiErrorDetails): string {
  const head = [details.status, details.code].filter((part) => part !== undefined && part !== null).join(' ');
  const id = details.requestId === null ? '' : ` (request ${details.requestId})`;
  return `${head === '' ? '' : `${head}: `}${details.message}${id}`;
}
