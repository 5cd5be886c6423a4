/** One try of a call: its time-outs and the caller's signal, joined into the one signal that `fetch` takes. */
import { ConnectionError, GatewayError, TimeoutError } from './errors.js';
export class Attempt {
    timeouts;
    #controller = new AbortController();
    #caller;
    #timers = new Map();
    #waitingSince = null;
    /** `totalLeftMs`: what is left of `timeouts.total`. */
    constructor(caller, timeouts, totalLeftMs) {
        this.timeouts = timeouts;
        this.#caller = caller;
        if (caller?.aborted)
            this.#controller.abort(caller.reason);
        else
            caller?.addEventListener('abort', this.#onCallerAbort, { once: true });
        if (totalLeftMs !== null)
            this.#limit('total', totalLeftMs, timeouts.total ?? totalLeftMs);
        if (timeouts.firstByte !== null)
            this.#limit('first_byte', timeouts.firstByte, timeouts.firstByte);
    }
    get signal() {
        return this.#controller.signal;
    }
    /** The status and headers have arrived. */
    answered() {
        this.#clear('first_byte');
    }
    /** From here on the limit is that on silence. */
    streams() {
        this.#clear('total');
        if (this.timeouts.idle !== null)
            this.#watchSilence(this.timeouts.idle, this.timeouts.idle);
    }
    /** The program begins or ends waiting for the next piece of a stream; its own time with a piece is not silence. */
    waits(isWaiting) {
        this.#waitingSince = isWaiting ? performance.now() : null;
    }
    /** End the exchange, if it still goes on. */
    abort(reason) {
        this.#controller.abort(reason);
    }
    /** Nothing more will come: no timer or listener stays behind. */
    close() {
        for (const timer of this.#timers.values())
            clearTimeout(timer);
        this.#timers.clear();
        this.#caller?.removeEventListener('abort', this.#onCallerAbort);
    }
    /** What to throw for a failure of `fetch` or of a body: the abort's reason, else a {@link ConnectionError}. */
    failure(error, doing) {
        if (this.signal.aborted)
            return this.signal.reason;
        if (error instanceof GatewayError)
            return error;
        return new ConnectionError(`${doing}: ${causeOf(error)}`, { cause: error });
    }
    #onCallerAbort = () => this.#controller.abort(this.#caller?.reason);
    #limit(phase, ms, said) {
        this.#timers.set(phase, setTimeout(() => this.#controller.abort(new TimeoutError(phase, said)), ms));
    }
    #clear(phase) {
        clearTimeout(this.#timers.get(phase));
        this.#timers.delete(phase);
    }
    // One timer for a whole stream, which looks back when it fires, instead of one for each piece.
    #watchSilence(limitMs, inMs) {
        const look = () => {
            const silentMs = this.#waitingSince === null ? 0 : performance.now() - this.#waitingSince;
            if (silentMs >= limitMs)
                this.#controller.abort(new TimeoutError('idle', limitMs));
            else
                this.#watchSilence(limitMs, Math.max(1, limitMs - silentMs));
        };
        const timer = setTimeout(look, inMs);
        timer.unref?.(); // a stream that nobody reads does not keep the program alive
        this.#timers.set('idle', timer);
    }
}
/** Wait, or throw the signal's reason as soon as it aborts. */
export function pause(ms, signal) {
    return new Promise((resolve, reject) => {
        if (signal?.aborted)
            return reject(signal.reason);
        const onAbort = () => {
            clearTimeout(timer);
            reject(signal?.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
        }, ms);
        signal?.addEventListener('abort', onAbort, { once: true });
    });
}
/** The innermost message: `fetch failed` alone helps nobody. */
function causeOf(error) {
    let inner = error;
    while (inner instanceof Error && inner.cause instanceof Error)
        inner = inner.cause;
    return inner instanceof Error ? inner.message || inner.name : String(inner);
}
