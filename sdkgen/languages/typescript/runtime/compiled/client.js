/** The client behind all methods: one call from its arguments to its answer, and all that can happen between. */
import { Attempt, pause } from './attempt.js';
import { guarded } from './body.js';
import { env, isBrowser, randomId } from './environment.js';
import { ConnectionError, DecodeError, GatewayError, TimeoutError, errorOfAnswer, } from './errors.js';
import { leveled, logLevel, shownHeaders, shownUrl } from './logging.js';
import { metadataOf, requestIdOf } from './metadata.js';
import { DEFAULT_TIMEOUTS, baseUrlOf, gatewayHeaders, retriesOf, timeoutsOf, } from './options.js';
import { Page, PagePromise } from './pagination.js';
import { ApiPromise } from './promise.js';
import { addHeaders, urlOf } from './request.js';
import { isRepeatable, isRetried, retryDelayMs } from './retry.js';
import { Stream } from './stream.js';
import { TELEMETRY_HEADER, isTelemetryOn, telemetryOf } from './telemetry.js';
import { MultipartBody, Upload, blobOf, streamOf } from './uploads.js';
export class BaseClient {
    baseUrl;
    #package;
    #keys;
    #fetch;
    #timeouts;
    #maxRetries;
    #isTelemetryOn;
    #log;
    #outdated = new Set();
    constructor(options, defaults) {
        Object.defineProperty(this, 'options', { value: options });
        this.#package = defaults;
        this.baseUrl = baseUrlOf(options.baseUrl, defaults.baseUrl);
        this.#keys = {
            key: options.apiKey ?? env('GATEWAY_API_KEY'),
            management: options.managementKey ?? env('GATEWAY_MANAGEMENT_KEY'),
        };
        this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
        this.#timeouts = timeoutsOf(timeoutsOf(DEFAULT_TIMEOUTS, defaults.timeouts), options.timeouts);
        this.#maxRetries = retriesOf(options.maxRetries, defaults.maxRetries);
        this.#isTelemetryOn = isTelemetryOn(options.telemetry);
        this.#log = leveled(options.logger ?? console, logLevel(options.logLevel));
    }
    /** Make a call; the answer is the data of its operation. */
    call(operation, args, options = {}) {
        return new ApiPromise(this.#whole(operation, args, options));
    }
    /** Make a call whose answer comes event by event. */
    stream(operation, args, options = {}) {
        return new ApiPromise(this.#streamed(operation, args, options));
    }
    /** Ask for a list. */
    page(operation, args, options = {}) {
        return new PagePromise(this.#paged(operation, args, options));
    }
    /** Make a call that this package has no method for. */
    request(method, path, args = {}, options = {}) {
        const literal = path.replace(/[{}]/g, (brace) => encodeURIComponent(brace));
        const auth = path.startsWith('/api/') ? 'management' : 'key';
        return this.call({ method: method.toUpperCase(), path: literal, answer: 'json', auth }, args, options);
    }
    async #whole(operation, args, options) {
        const via = operation.sends === 'form' ? 'upload' : undefined;
        const { response, attempt, text, retries } = await this.#exchange(this.#prepare(operation, args, options, via));
        const gateway = metadataOf(response.headers, retries);
        if (text === null) {
            const raw = guarded(response, attempt);
            return { data: raw, response: raw, gateway };
        }
        const isEmpty = operation.answer === 'none' || (text === '' && response.status !== 200);
        const data = isEmpty ? undefined : operation.answer === 'text' ? text : parsed(text, response);
        return { data: data, response: copyOf(response, text), gateway };
    }
    async #streamed(operation, args, options) {
        const call = this.#prepare(operation, args, options, 'stream');
        const { response, attempt, retries } = await this.#exchange(call);
        attempt.streams();
        const stream = new Stream(response, attempt, operation.stream ?? {}, retries, this.#book);
        return { data: stream, response, gateway: stream.gateway };
    }
    async #paged(operation, args, options) {
        const call = this.#prepare(operation, args, options, 'page');
        const { response, text, retries } = await this.#exchange(call);
        const query = { ...args.query, ...options.query };
        const next = async (changed) => (await this.#paged(operation, { ...args, query: changed }, { ...options, query: undefined })).data;
        const gateway = metadataOf(response.headers, retries);
        const body = parsed(text ?? '', response);
        const page = new Page(body, gateway, operation.page, query, next);
        return { data: page, response: copyOf(response, text ?? ''), gateway };
    }
    get #book() {
        return { codes: this.#package.errors ?? {}, docs: this.#package.docs ?? null };
    }
    #prepare(operation, args, options, via) {
        const timeouts = timeoutsOf(this.#timeouts, options.timeouts);
        const maxRetries = retriesOf(options.maxRetries, this.#maxRetries);
        const headers = new Headers({
            accept: via === 'stream' ? 'text/event-stream' : ACCEPT[operation.answer ?? 'json'],
        });
        const body = bodyOf(operation, args.body, options);
        if (typeof body === 'string')
            headers.set('content-type', 'application/json');
        else if (body instanceof MultipartBody)
            headers.set('content-type', body.contentType);
        else if (body !== undefined)
            headers.set('content-type', 'application/octet-stream');
        if (operation.auth === 'management') {
            addHeaders(headers, { 'x-organization': this.options.organization ?? env('GATEWAY_ORGANIZATION') });
        }
        for (const added of [this.#package.headers, this.options.headers, args.headers, gatewayHeaders(options.gateway)]) {
            addHeaders(headers, added);
        }
        addHeaders(headers, options.headers);
        const { idempotencyKey } = options;
        if (idempotencyKey !== undefined)
            addHeaders(headers, { 'idempotency-key': idempotencyKey });
        else if (operation.isIdempotent && !headers.has('idempotency-key'))
            addHeaders(headers, { 'idempotency-key': randomId() });
        return {
            operation,
            options,
            headers,
            body,
            timeouts,
            via,
            url: urlOf(this.baseUrl, operation.path, args.path, { ...args.query, ...options.query }),
            deadline: timeouts.total === null ? null : performance.now() + timeouts.total,
            maxRetries: (body instanceof MultipartBody || body instanceof Upload) && !body.isRepeatable ? 0 : maxRetries,
            name: `${operation.method} ${operation.path}`,
        };
    }
    /** Try until there is a good answer, nothing more to try, or no time. */
    async #exchange(call) {
        for (let retries = 0;; retries++) {
            const error = await this.#attempt(call, retries);
            if (!(error instanceof Failure))
                return error;
            const delayMs = retryDelayMs(retries, error.response?.headers);
            const leftMs = call.deadline === null ? Infinity : call.deadline - performance.now();
            if (!error.isRetried || retries >= call.maxRetries || delayMs === null || delayMs >= leftMs)
                throw error.reason;
            this.#log.info(`${call.name}: ${String(error.reason)} Trying again in ${Math.round(delayMs)} ms.`);
            const status = error.response?.status ?? null;
            this.options.onRetry?.({ retries: retries + 1, delayMs, status, reason: error.reason });
            await pause(delayMs, call.options.signal);
        }
    }
    async #attempt(call, retries) {
        const leftMs = call.deadline === null ? null : Math.max(0, call.deadline - performance.now());
        const attempt = new Attempt(call.options.signal, call.timeouts, leftMs);
        let response = null;
        try {
            if (attempt.signal.aborted)
                throw attempt.signal.reason;
            response = await this.#send(call, attempt, retries);
            attempt.answered();
            this.#noteOutdated(call, response);
            if (response.ok) {
                const isRead = call.via !== 'stream' && call.operation.answer !== 'binary';
                const text = isRead ? await response.text() : null;
                if (isRead)
                    attempt.close();
                return { response, attempt, text, retries };
            }
            const text = await response.text();
            attempt.close();
            const reason = errorOfAnswer(response.status, response.headers, jsonOr(text), this.#book);
            const isRepeated = isRepeatable(call.operation.method, call.headers);
            return new Failure(reason, isRetried(response.status, reason.code, response.headers, isRepeated), response);
        }
        catch (error) {
            attempt.close();
            const doing = response === null ? `${call.name} could not be sent` : 'The connection broke within the answer';
            const reason = attempt.failure(error, doing);
            const isOver = reason instanceof TimeoutError && reason.phase === 'total';
            const isRepeated = isRepeatable(call.operation.method, call.headers);
            return new Failure(reason, reason instanceof ConnectionError && !isOver && (isRepeated || !reason.isSent));
        }
    }
    async #send(call, attempt, retries) {
        const headers = new Headers(call.headers);
        const { auth = 'key' } = call.operation;
        if (auth !== 'none' && !headers.has('authorization'))
            addHeaders(headers, { authorization: await this.#credential(auth) });
        const about = this.#isTelemetryOn ? telemetryOf(this.#package, call.url, retries, call.via) : null;
        if (about !== null)
            addHeaders(headers, { [TELEMETRY_HEADER]: about });
        const init = {
            redirect: 'manual', // a credential goes where it was sent, and nowhere else
            ...this.options.fetchOptions,
            method: call.operation.method,
            headers,
            signal: attempt.signal,
            connectTimeout: call.timeouts.connect,
        };
        await this.#addBody(init, headers, call);
        this.#log.debug(`${call.operation.method} ${shownUrl(call.url)}`, { headers: shownHeaders(headers), try: retries });
        const began = performance.now();
        const response = await settled(this.#fetch(call.url, init), attempt.signal);
        const id = requestIdOf(response.headers) ?? 'without an id';
        this.#log.debug(`${call.name}: ${response.status} after ${Math.round(performance.now() - began)} ms (request ${id})`);
        return response;
    }
    async #credential(auth) {
        const source = this.#keys[auth];
        const key = typeof source === 'function' ? await source() : source;
        if (!key) {
            const [option, variable] = auth === 'key' ? ['apiKey', 'GATEWAY_API_KEY'] : ['managementKey', 'GATEWAY_MANAGEMENT_KEY'];
            throw new GatewayError(`There is no key: set ${option}, or ${variable} in the environment.`);
        }
        if (!/^[\x21-\x7e]+$/.test(key))
            throw new GatewayError('The key has characters that no key has.');
        return `Bearer ${key}`;
    }
    async #addBody(init, headers, call) {
        const { body, options } = call;
        if (body === undefined)
            return;
        if (!(body instanceof MultipartBody || body instanceof Upload)) {
            init.body = body;
        }
        else if (isBrowser) {
            options.onUploadProgress?.({ sent: 0, total: body.size });
            init.body = body instanceof Upload ? await blobOf(body) : await body.blob();
        }
        else {
            if (body.size !== null)
                headers.set('content-length', String(body.size));
            init.body = streamOf(body instanceof Upload ? [body] : body.parts, body.size, options.onUploadProgress);
            init.duplex = 'half';
        }
    }
    #noteOutdated(call, response) {
        const sunset = response.headers.get('sunset');
        if ((sunset === null && !response.headers.has('deprecation')) || this.#outdated.has(call.name))
            return;
        this.#outdated.add(call.name);
        this.#log.warn(`${call.name} is deprecated${sunset === null ? '' : `, and ends on ${sunset}`}.`);
    }
}
/** Why a try failed, and whether another may help. */
class Failure {
    reason;
    isRetried;
    response;
    constructor(reason, isRetried, response) {
        this.reason = reason;
        this.isRetried = isRetried;
        this.response = response;
    }
}
const ACCEPT = {
    json: 'application/json',
    none: 'application/json',
    text: 'text/plain, */*',
    binary: '*/*',
};
function bodyOf(operation, body, options) {
    const extra = options.extraBody;
    const whole = extra === undefined ? body : { ...body, ...extra };
    if (whole === undefined)
        return undefined;
    if (operation.sends === 'bytes')
        return typeof whole === 'string' ? new TextEncoder().encode(whole) : whole;
    if (operation.sends === 'form')
        return new MultipartBody(whole);
    return JSON.stringify(whole);
}
/** The promise, or the abort: a `fetch` that is not the platform's own may not watch its signal. */
function settled(promise, signal) {
    return new Promise((resolve, reject) => {
        const onAbort = () => reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
}
function parsed(text, response) {
    try {
        return JSON.parse(text);
    }
    catch (cause) {
        const id = requestIdOf(response.headers);
        const kind = response.headers.get('content-type') ?? 'nothing named';
        const message = `The answer is no valid JSON (${kind}, request ${id ?? 'without an id'}).`;
        throw new DecodeError(message, text.slice(0, 2000), id, { cause });
    }
}
function jsonOr(text) {
    try {
        return JSON.parse(text);
    }
    catch {
        return text;
    }
}
/** The answer with its body, which was read, to read once more. */
function copyOf(response, text) {
    const isBodiless = text === '' || [204, 205, 304].includes(response.status);
    const { status, statusText, headers } = response;
    return new Response(isBodiless ? null : text, { status, statusText, headers });
}
