/** One try of a call: its time-outs and the caller's signal, joined into the one signal that `fetch` takes. */

import { ConnectionError, GatewayError, TimeoutError, type TimeoutPhase } from './errors.js';

/** Limits in milliseconds; `null`: none. */
export interface Timeouts {
  /** Until the connection stands. `fetch` cannot tell: honoured by `nodeFetch`, else part of `firstByte`. */
  readonly connect: number | null;
  /** Until the answer begins. */
  readonly firstByte: number | null;
  /** Between two pieces of a stream, while the program waits for one. */
  readonly idle: number | null;
  /** Until the answer is complete, tries and pauses between them included. Streams: until the first byte. */
  readonly total: number | null;
}

type Timer = ReturnType<typeof setTimeout>;

export class Attempt {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timers = new Map<TimeoutPhase, Timer>();
  #waitingSince: number | null = null;

  /** `totalLeftMs`: what is left of `timeouts.total`. */
  constructor(
    caller: AbortSignal | undefined,
    private readonly timeouts: Timeouts,
    totalLeftMs: number | null,
  ) {
    this.#caller = caller;
    if (caller?.aborted) this.#controller.abort(caller.reason);
    else caller?.addEventListener('abort', this.#onCallerAbort, { once: true });
    if (totalLeftMs !== null) this.#limit('total', totalLeftMs, timeouts.total ?? totalLeftMs);
    if (timeouts.firstByte !== null) this.#limit('first_byte', timeouts.firstByte, timeouts.firstByte);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The status and headers have arrived. */
  answered(): void {
    this.#clear('first_byte');
  }

  /** From here on the limit is that on silence. */
  streams(): void {
    this.#clear('total');
    if (this.timeouts.idle !== null) this.#watchSilence(this.timeouts.idle, this.timeouts.idle);
  }

  /** The program begins or ends waiting for the next piece of a stream; its own time with a piece is not silence. */
  waits(isWaiting: boolean): void {
    this.#waitingSince = isWaiting ? performance.now() : null;
  }

  /** End the exchange, if it still goes on. */
  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  /** Nothing more will come: no timer or listener stays behind. */
  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#caller?.removeEventListener('abort', this.#onCallerAbort);
  }

  /** What to throw for a failure of `fetch` or of a body: the abort's reason, else a {@link ConnectionError}. */
  failure(error: unknown, doing: string): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (error instanceof GatewayError) return error;
    return new ConnectionError(`${doing}: ${causeOf(error)}`, { cause: error });
  }

  readonly #onCallerAbort = (): void => this.#controller.abort(this.#caller?.reason);

  #limit(phase: TimeoutPhase, ms: number, said: number): void {
    this.#timers.set(
      phase,
      setTimeout(() => this.#controller.abort(new TimeoutError(phase, said)), ms),
    );
  }

  #clear(phase: TimeoutPhase): void {
    clearTimeout(this.#timers.get(phase));
    this.#timers.delete(phase);
  }

  // One timer for a whole stream, which looks back when it fires, instead of one for each piece.
  #watchSilence(limitMs: number, inMs: number): void {
    const look = (): void => {
      const silentMs = this.#waitingSince === null ? 0 : performance.now() - this.#waitingSince;
      if (silentMs >= limitMs) this.#controller.abort(new TimeoutError('idle', limitMs));
      else this.#watchSilence(limitMs, Math.max(1, limitMs - silentMs));
    };
    const timer: Timer & { unref?: () => void } = setTimeout(look, inMs);
    timer.unref?.(); // a stream that nobody reads does not keep the program alive
    this.#timers.set('idle', timer);
  }
}

/** Wait, or throw the signal's reason as soon as it aborts. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
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
function causeOf(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error ? inner.message || inner.name : String(inner);
}
