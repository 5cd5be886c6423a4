/** The client behind all methods: one call from its arguments to its answer, and all that can happen between. */
import { type Timeouts } from './attempt.js';
import { type ErrorCodes } from './errors.js';
import { type ClientOptions, type RequestOptions } from './options.js';
import { PagePromise } from './pagination.js';
import { ApiPromise } from './promise.js';
import { type Arguments, type HeadersInput, type Operation } from './request.js';
import { Stream } from './stream.js';
import { type PackageInfo } from './telemetry.js';
/** What the generated package adds. */
export interface PackageDefaults extends PackageInfo {
    readonly baseUrl?: string;
    readonly timeouts?: Partial<Timeouts>;
    readonly maxRetries?: number;
    readonly headers?: HeadersInput;
    /** The classes of error codes. */
    readonly errors?: ErrorCodes;
    /** The page that explains error codes, each at its name. */
    readonly docs?: string;
}
export declare class BaseClient {
    #private;
    readonly baseUrl: string;
    /** As they were given. They hold keys, so they are not among what is shown of a client. */
    readonly options: ClientOptions;
    constructor(options: ClientOptions, defaults: PackageDefaults);
    /** Make a call; the answer is the data of its operation. */
    call<T>(operation: Operation, args: Arguments, options?: RequestOptions): ApiPromise<T>;
    /** Make a call whose answer comes event by event. */
    stream<T, W = unknown>(operation: Operation, args: Arguments, options?: RequestOptions): ApiPromise<Stream<T, W>>;
    /** Ask for a list. */
    page<T, Body>(operation: Operation, args: Arguments, options?: RequestOptions): PagePromise<T, Body>;
    /** Make a call that this package has no method for. */
    request<T = unknown>(method: string, path: string, args?: Omit<Arguments, 'path'>, options?: RequestOptions): ApiPromise<T>;
}
