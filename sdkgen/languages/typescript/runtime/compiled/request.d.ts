/** From an operation and its arguments to a URL, headers and a body. */
import type { PageFormat } from './pagination.js';
import type { StreamFormat } from './stream.js';
/** What the generated methods know about an operation. */
export interface Operation {
    readonly method: string;
    /** `/v1/models/{model}` */
    readonly path: string;
    /** What a successful answer is; JSON when nothing is said. */
    readonly answer?: 'json' | 'text' | 'binary' | 'none';
    /** The gateway makes the call once for an `Idempotency-Key`. */
    readonly isIdempotent?: boolean;
    /** How the body is sent; JSON when nothing is said. */
    readonly sends?: 'json' | 'form' | 'bytes';
    /** Which key is sent: the virtual key when nothing is said. */
    readonly auth?: 'key' | 'management' | 'none';
    readonly stream?: StreamFormat;
    readonly page?: PageFormat;
}
/** The arguments of one call. */
export interface Arguments {
    readonly path?: Readonly<Record<string, string | number>>;
    readonly query?: Readonly<Record<string, unknown>> | undefined;
    readonly headers?: HeadersInput | undefined;
    readonly body?: unknown;
}
/** Headers to add; `null` takes one away that would be sent otherwise. */
export type HeadersInput = Readonly<Record<string, string | number | boolean | null | undefined>>;
/** The URL of an operation under a base URL, which may have a path of its own. */
export declare function urlOf(base: string, path: string, values: Arguments['path'], query: Arguments['query']): string;
/** `a=1&b=x,y`: a list is joined by commas, dates are ISO 8601, null and undefined are left out. */
export declare function queryOf(query: Arguments['query']): string;
/** Write headers over others. Text is sent as UTF-8, which `fetch` wants as one character a byte. */
export declare function addHeaders(headers: Headers, added: HeadersInput | undefined): void;
