/** From an operation and its arguments to a URL, headers and a body. */

import { GatewayError } from './errors.js';
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
export function urlOf(base: string, path: string, values: Arguments['path'], query: Arguments['query']): string {
  const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) => segment(name, values?.[name]));
  const asked = queryOf(query);
  return `${base.replace(/\/+$/, '')}${filled}${asked === '' ? '' : `?${asked}`}`;
}

/** `a=1&b=x,y`: a list is joined by commas, dates are ISO 8601, null and undefined are left out. */
export function queryOf(query: Arguments['query']): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null) continue;
    const items = Array.isArray(value)
      ? (value as unknown[]).filter((item) => item !== undefined && item !== null)
      : [value];
    found.append(name, items.map((item) => (item instanceof Date ? item.toISOString() : String(item))).join(','));
  }
  return found.toString();
}

/** Write headers over others. Text is sent as UTF-8, which `fetch` wants as one character a byte. */
export function addHeaders(headers: Headers, added: HeadersInput | undefined): void {
  for (const [name, value] of Object.entries(added ?? {})) {
    if (value === null) headers.delete(name);
    else if (value !== undefined) headers.set(name, byteString(String(value)));
  }
}

function byteString(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}

// `.` and `..` cannot be escaped: every URL parser, also of `%2E%2E`, would walk up.
function segment(name: string, value: string | number | undefined): string {
  const text = value === undefined ? '' : String(value);
  if (/^\.{0,2}$/.test(text))
    throw new GatewayError(`${name} must not be ${text === '' ? 'empty' : JSON.stringify(text)}.`);
  return encodeURIComponent(text);
}
