/** From an operation and its arguments to a URL, headers and a body. */
import { GatewayError } from './errors.js';
/** The URL of an operation under a base URL, which may have a path of its own. */
export function urlOf(base, path, values, query) {
    const filled = path.replace(/\{([^}]+)\}/g, (_, name) => segment(name, values?.[name]));
    const asked = queryOf(query);
    return `${base.replace(/\/+$/, '')}${filled}${asked === '' ? '' : `?${asked}`}`;
}
/** `a=1&b=x,y`: a list is joined by commas, dates are ISO 8601, null and undefined are left out. */
export function queryOf(query) {
    const found = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
        if (value === undefined || value === null)
            continue;
        const items = Array.isArray(value)
            ? value.filter((item) => item !== undefined && item !== null)
            : [value];
        found.append(name, items.map((item) => (item instanceof Date ? item.toISOString() : String(item))).join(','));
    }
    return found.toString();
}
/** Write headers over others. Text is sent as UTF-8, which `fetch` wants as one character a byte. */
export function addHeaders(headers, added) {
    for (const [name, value] of Object.entries(added ?? {})) {
        if (value === null)
            headers.delete(name);
        else if (value !== undefined)
            headers.set(name, byteString(String(value)));
    }
}
function byteString(text) {
    if (/^[\x20-\x7e]*$/.test(text))
        return text;
    return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}
// `.` and `..` cannot be escaped: every URL parser, also of `%2E%2E`, would walk up.
function segment(name, value) {
    const text = value === undefined ? '' : String(value);
    if (/^\.{0,2}$/.test(text))
        throw new GatewayError(`${name} must not be ${text === '' ? 'empty' : JSON.stringify(text)}.`);
    return encodeURIComponent(text);
}
