/** What can go wrong, one class per thing that a caller handles differently. */
import { type GatewayMetadata } from './metadata.js';
/** Everything that this package throws, but for a caller's own abort, which is thrown as its signal's reason. */
export declare class GatewayError extends Error {
}
/** The request could not be sent, or the connection broke before the answer was complete. `cause` has the reason. */
export declare class ConnectionError extends GatewayError {
    /** Whether the server may have seen the request. */
    get isSent(): boolean;
}
/** Which limit of time passed. */
export type TimeoutPhase = 'connect' | 'first_byte' | 'idle' | 'total';
/** A time-out of this side. `phase` says which one. */
export declare class TimeoutError extends ConnectionError {
    readonly phase: TimeoutPhase;
    readonly timeoutMs: number;
    constructor(phase: TimeoutPhase, timeoutMs: number);
    get isSent(): boolean;
}
/** The answer is no valid JSON. `body` has its beginning. */
export declare class DecodeError extends GatewayError {
    readonly body: string;
    readonly requestId: string | null;
    constructor(message: string, body: string, requestId: string | null, options?: ErrorOptions);
}
/**
 * A stream ended before its end mark, by a broken connection, silence, or an error event, whose typed error is the
 * `cause`. What had arrived is billed; nothing is sent again.
 */
export declare class StreamInterruptedError<W = unknown> extends ConnectionError {
    /** The answer as far as it had come; undefined where events do not add up to one. */
    readonly partial: W | undefined;
    /** The server's word for it, when it said why. */
    readonly code: string | null;
    readonly gateway: GatewayMetadata;
    constructor(message: string, 
    /** The answer as far as it had come; undefined where events do not add up to one. */
    partial: W | undefined, 
    /** The server's word for it, when it said why. */
    code: string | null, gateway: GatewayMetadata, options?: ErrorOptions);
    /** The request's id, to find it in the gateway's ledger. */
    get requestId(): string | null;
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
export declare class ApiError extends GatewayError {
    readonly details: ApiErrorDetails;
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
    constructor(details: ApiErrorDetails);
    /** Milliseconds that the server asks to wait; null when it does not. */
    get retryAfterMs(): number | null;
    /** What the gateway's headers say about the refusal. */
    get gateway(): GatewayMetadata;
}
/** 400, and other 4xx without a class of their own. */
export declare class BadRequestError extends ApiError {
}
/** 401: no key, or one that is mistyped, expired or revoked. */
export declare class AuthenticationError extends ApiError {
}
/** 402: a budget is used up. It is never sent again by itself. */
export declare class PaymentRequiredError extends ApiError {
    /** Id of the budget that binds. */
    get budget(): string | null;
    /** When the budget begins anew; null for one that does not. */
    get resetsAt(): Date | null;
}
/** 403: the key may not do this. */
export declare class PermissionDeniedError extends ApiError {
}
/** 404: no such thing, or not for this key. */
export declare class NotFoundError extends ApiError {
}
/** 409: the state of the thing does not allow it. */
export declare class ConflictError extends ApiError {
}
/** 422: well-formed, and not acceptable. */
export declare class UnprocessableEntityError extends ApiError {
}
/** 429: a rate limit is used up, or a budget's rest is held by calls that are running. */
export declare class RateLimitedError extends ApiError {
}
/** 5xx. */
export declare class ServerError extends ApiError {
}
/** The classes of codes, with the status that each code comes with. */
export type ErrorCodes = Readonly<Record<string, readonly [status: number, of: new (details: ApiErrorDetails) => ApiError]>>;
/** What errors are made with: the classes of codes, and the address of the page that explains them. */
export interface ErrorBook {
    readonly codes: ErrorCodes;
    readonly docs: string | null;
}
/** The typed error of an answer's status and body (parsed JSON, or text). */
export declare function errorOfAnswer(status: number, headers: Headers, body: unknown, book: ErrorBook): ApiError;
/** The typed error of an error event within a stream. */
export declare function errorOfEvent(headers: Headers, body: unknown, book: ErrorBook): ApiError;
