/** An answer that arrives event by event. */
import { BodyReader } from './body.js';
import { ApiError, GatewayError, StreamInterruptedError, TimeoutError, errorOfEvent, } from './errors.js';
import { foldOf } from './fold.js';
import { metadataOf, withFinalComment } from './metadata.js';
import { SseDecoder } from './sse.js';
/** An event that this package does not know: it is handed over as it came. */
export class UnknownEvent {
    event;
    data;
    constructor(event, 
    /** The data as text. */
    data) {
        this.event = event;
        this.data = data;
    }
    /** The data as JSON; undefined when it is none. */
    get json() {
        try {
            return JSON.parse(this.data);
        }
        catch {
            return undefined;
        }
    }
}
/**
 * The events of one answer: `for await (const event of stream)`. It can be read once. Leaving the loop early closes the
 * connection. A stream that breaks, or brings an error, throws a {@link StreamInterruptedError} with the answer as far
 * as it had come; it is never asked for again, since that could be billed twice.
 */
export class Stream {
    response;
    #body;
    #format;
    #book;
    #fold;
    #attempt;
    #gateway;
    #isUsed = false;
    constructor(
    /** The answer's status and headers. */
    response, attempt, format, retries, book) {
        this.response = response;
        this.#body = () => new BodyReader(response, attempt);
        this.#attempt = attempt;
        this.#format = format;
        this.#book = book;
        this.#fold = foldOf(format.fold);
        this.#gateway = metadataOf(response.headers, retries);
    }
    /** What the gateway says about the answer; its cost is known when the stream has ended. */
    get gateway() {
        return this.#gateway;
    }
    /** The answer as far as it has come; undefined where events do not add up to one, or none has come. */
    get partial() {
        return this.#fold?.whole();
    }
    /** The events. Those whose kind this package does not know are left out: {@link events} has them too. */
    async *[Symbol.asyncIterator]() {
        for await (const event of this.events())
            if (!(event instanceof UnknownEvent))
                yield event;
    }
    /** All events, unknown ones included. */
    async *events() {
        if (this.#isUsed)
            throw new GatewayError('A stream can be read once.');
        this.#isUsed = true;
        const body = this.#body();
        const decoder = new SseDecoder((comment) => {
            this.#gateway = withFinalComment(this.#gateway, comment);
        });
        try {
            for (;;) {
                const piece = await this.#next(body);
                if (piece === null)
                    break;
                for (const event of decoder.push(piece)) {
                    if (event.data === this.#format.done)
                        return body.finish();
                    const item = this.#item(event);
                    yield item;
                    if (this.#isLast(item, event))
                        return body.finish();
                    if (this.#attempt.signal.aborted)
                        throw this.#attempt.signal.reason; // while the program had the event
                }
            }
            if (this.#format.done !== undefined || this.#format.terminal !== undefined || decoder.isWithin) {
                throw this.#interrupted('The stream ended before its end mark');
            }
        }
        finally {
            await body.close();
        }
    }
    /** All events of the whole stream. */
    async collect() {
        const all = [];
        for await (const event of this)
            all.push(event);
        return all;
    }
    /** Read to the end; the answer as it would have come without a stream. */
    async final() {
        for await (const _ of this.events())
            ;
        const whole = this.partial;
        if (whole === undefined)
            throw new GatewayError('The events of this stream add up to no whole answer.');
        return whole;
    }
    /** End the stream; whoever reads it gets an `AbortError`. */
    abort(reason) {
        this.#attempt.abort(reason);
        if (!this.#isUsed)
            void this.#body().close();
        this.#isUsed = true;
    }
    async #next(body) {
        try {
            return await body.read();
        }
        catch (error) {
            // A caller that aborts gets its own reason; all else is a stream that broke.
            if (this.#attempt.signal.aborted && !(error instanceof TimeoutError))
                throw error;
            throw this.#interrupted(error instanceof Error ? error.message : String(error), error);
        }
    }
    #item(event) {
        const isNamed = event.event !== 'message';
        if (isNamed && event.event !== 'error' && this.#format.tag === undefined) {
            return new UnknownEvent(event.event, event.data);
        }
        let data;
        try {
            data = JSON.parse(event.data);
        }
        catch (cause) {
            throw this.#interrupted('An event of the stream is no JSON', cause);
        }
        if (event.event === 'error' || isError(data))
            throw this.#error(data);
        this.#fold?.add(data);
        return data;
    }
    #error(data) {
        const error = errorOfEvent(this.response.headers, data, this.#book);
        return this.#interrupted(error.details.message, error);
    }
    #isLast(item, event) {
        if (this.#format.terminal === undefined)
            return false;
        const tag = this.#format.tag === undefined ? undefined : item[this.#format.tag];
        return this.#format.terminal.includes(typeof tag === 'string' ? tag : event.event);
    }
    #interrupted(message, cause) {
        const code = cause instanceof ApiError ? (cause.code ?? cause.type) : null;
        const said = message.replace(/ \(request [^)]*\)$/, '').replace(/[^.]$/, '$&.');
        return new StreamInterruptedError(said, this.partial, code, this.#gateway, { cause });
    }
}
function isError(data) {
    if (typeof data !== 'object' || data === null)
        return false;
    const { type, error } = data;
    return type === 'error' || (typeof error === 'object' && error !== null && type === undefined);
}
