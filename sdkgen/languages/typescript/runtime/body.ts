/** The body of an answer, read piece by piece under the limits of its attempt. */

import type { Attempt } from './attempt.js';

/** How long the rest behind a stream's end mark is waited for, so that the connection can be used again. */
const DRAIN_MS = 1_000;

export class BodyReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly #attempt: Attempt;
  #isClosed = false;

  constructor(response: Response, attempt: Attempt) {
    this.#reader = response.body?.getReader() ?? null;
    this.#attempt = attempt;
    // A `fetch` that is not the platform's own may not watch the signal once it has answered.
    attempt.signal.addEventListener('abort', () => void this.#cancel(), { once: true });
  }

  /** The next piece, or null at the end. Throws what {@link Attempt.failure} says. */
  async read(): Promise<Uint8Array | null> {
    if (this.#reader === null) return null;
    this.#attempt.waits(true);
    try {
      const { done, value } = await this.#reader.read();
      if (this.#attempt.signal.aborted) throw this.#attempt.signal.reason;
      return done ? null : value;
    } catch (error) {
      throw this.#attempt.failure(error, 'The connection broke within the answer');
    } finally {
      this.#attempt.waits(false);
    }
  }

  /** The answer is complete: what may follow is read in the background, for the connection's sake. */
  finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const timer = setTimeout(() => void this.#cancel(), DRAIN_MS);
    void this.#drain().finally(() => {
      clearTimeout(timer);
      this.#attempt.close();
    });
  }

  /** Nobody wants the rest: the connection is closed, and the server sees it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#attempt.close();
    await this.#cancel();
    this.#attempt.abort();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#reader !== null && !(await this.#reader.read()).done);
    } catch {
      // the answer was complete
    }
  }

  async #cancel(): Promise<void> {
    try {
      await this.#reader?.cancel();
    } catch {
      // already broken
    }
  }
}

/** The same body with its attempt's limits on it, for a caller that reads it by itself. */
export function guarded(response: Response, attempt: Attempt): Response {
  if (response.body === null) {
    attempt.close();
    return response;
  }
  const reader = new BodyReader(response, attempt);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await reader.read();
        if (piece !== null) return controller.enqueue(piece);
        attempt.close();
        controller.close();
      },
      cancel: () => reader.close(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { status: response.status, statusText: response.statusText, headers: response.headers });
}
