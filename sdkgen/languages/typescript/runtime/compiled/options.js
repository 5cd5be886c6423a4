/** What can be set for a client and for one call. */
import { env } from './environment.js';
import { GatewayError } from './errors.js';
import { DEFAULT_MAX_RETRIES } from './retry.js';
/** The gateway's headers. Throws for a tag that could not be told from two. */
export function gatewayHeaders(options) {
    return {
        'x-gateway-tags': options?.tags === undefined ? undefined : tagsOf(options.tags),
        'x-gateway-end-user': options?.endUser,
        'x-gateway-cache': options?.cache,
        'x-gateway-route': options?.route,
        'x-request-id': options?.requestId,
    };
}
function tagsOf(tags) {
    const pairs = Object.entries(tags).map(([name, value]) => {
        if (/[=,]/.test(name) || value.includes(','))
            throw new GatewayError(`The tag ${name} must not contain "," or "=".`);
        return `${name}=${value}`;
    });
    return pairs.length === 0 ? undefined : pairs.join(',');
}
export const DEFAULT_TIMEOUTS = { connect: 5_000, firstByte: 120_000, idle: 60_000, total: 600_000 };
/** Limits over others; one that is left out, or undefined, stays. */
export function timeoutsOf(base, changes) {
    const { connect, firstByte, idle, total } = changes ?? {};
    return {
        connect: connect === undefined ? base.connect : connect,
        firstByte: firstByte === undefined ? base.firstByte : firstByte,
        idle: idle === undefined ? base.idle : idle,
        total: total === undefined ? base.total : total,
    };
}
/** How often to send again. Throws for nonsense. */
export function retriesOf(asked, fallback = DEFAULT_MAX_RETRIES) {
    const found = asked ?? fallback;
    if (!Number.isInteger(found) || found < 0)
        throw new GatewayError('maxRetries must be a whole number, 0 or more.');
    return found;
}
/** The base URL that is set, or `fallback`. Throws for one that is none. */
export function baseUrlOf(asked, fallback) {
    const found = asked ?? env('GATEWAY_BASE_URL') ?? fallback;
    if (found === undefined)
        throw new GatewayError('Set baseUrl or GATEWAY_BASE_URL to the address of your gateway.');
    let url;
    try {
        url = new URL(found);
    }
    catch {
        throw new GatewayError(`baseUrl is no URL: ${found}`);
    }
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
        throw new GatewayError('baseUrl must begin with http:// or https://.');
    if (url.username !== '' || url.password !== '')
        throw new GatewayError('baseUrl must not contain a credential.');
    return (url.origin + url.pathname).replace(/\/+$/, '');
}
