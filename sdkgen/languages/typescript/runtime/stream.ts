/** An answer that arrives event by event. */

import type { Attempt } from './attempt.js';
import { BodyReader } from './body.js';
import {
  ApiError,
  GatewayError,
  StreamInterruptedError,
  TimeoutError,
  errorOfEvent,
  type ErrorBook,
} from './errors.js';
import { foldOf, type Fold, type FoldName } from './fold.js';
import { metadataOf, withFinalComment, type GatewayMetadata } from './metadata.js';
import { SseDecoder, type ServerSentEvent } from './sse.js';

/** How the events of an operation are told apart, and how its stream ends. */
export interface StreamFormat {
  /** Data of the end mark, `[DONE]`; it is not an event. */
  readonly done?: string;
  /** Names of events after which nothing comes. Without `done` and `terminal` a stream ends when it ends. */
  readonly terminal?: readonly string[];
  /** The field of the data that names the event. Without it events have no names, and one that has is unknown. */
  readonly tag?: string;
  /** How the events add up to the whole answer. */
  readonly fold?: FoldName;
}

/** An event that this package does not know: it is handed over as it came. */
export class UnknownEvent {
  constructor(
    readonly event: string,
    /** The data as text. */
    readonly data: string,
  ) {}

  /** The data as JSON; undefined when it is none. */
  get json(): unknown {
    try {
      return JSON.parse(this.data);
    } catch {
      return undefined;
    }
  }
}

/**
 * The events of one answer: `for await (const event of stream)`. It can be read once. Leaving the loop early closes the
 * connection. A stream that breaks, or brings an error, throws a {@link StreamInterruptedError} with the answer as far
 * as it had come; it is never asked for again, since that could be billed twice.
 */
export class Stream<T, W = unknown> implements AsyncIterable<T> {
  readonly #body: () => BodyReader;
  readonly #format: StreamFormat;
  readonly #book: ErrorBook;
  readonly #fold: Fold | null;
  readonly #attempt: Attempt;
  #gateway: GatewayMetadata;
  #isUsed = false;

  constructor(
    /** The answer's status and headers. */
    readonly response: Response,
    attempt: Attempt,
    format: StreamFormat,
    retries: number,
    book: ErrorBook,
  ) {
    this.#body = () => new BodyReader(response, attempt);
    this.#attempt = attempt;
    this.#format = format;
    this.#book = book;
    this.#fold = foldOf(format.fold);
    this.#gateway = metadataOf(response.headers, retries);
  }

  /** What the gateway says about the answer; its cost is known when the stream has ended. */
  get gateway(): GatewayMetadata {
    return this.#gateway;
  }

  /** The answer as far as it has come; undefined where events do not add up to one, or none has come. */
  get partial(): W | undefined {
    return this.#fold?.whole() as W | undefined;
  }

  /** The events. Those whose kind this package does not know are left out: {@link events} has them too. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const event of this.events()) if (!(event instanceof UnknownEvent)) yield event;
  }

  /** All events, unknown ones included. */
  async *events(): AsyncGenerator<T | UnknownEvent, void, undefined> {
    if (this.#isUsed) throw new GatewayError('A stream can be read once.');
    this.#isUsed = true;
    const body = this.#body();
    const decoder = new SseDecoder((comment) => {
      this.#gateway = withFinalComment(this.#gateway, comment);
    });
    try {
      for (;;) {
        const piece = await this.#next(body);
        if (piece === null) break;
        for (const event of decoder.push(piece)) {
          if (event.data === this.#format.done) return body.finish();
          const item = this.#item(event);
          yield item;
          if (this.#isLast(item, event)) return body.finish();
          if (this.#attempt.signal.aborted) throw this.#attempt.signal.reason; // while the program had the event
        }
      }
      if (this.#format.done !== undefined || this.#format.terminal !== undefined || decoder.isWithin) {
        throw this.#interrupted('The stream ended before its end mark');
      }
    } finally {
      await body.close();
    }
  }

  /** All events of the whole stream. */
  async collect(): Promise<T[]> {
    const all: T[] = [];
    for await (const event of this) all.push(event);
    return all;
  }

  /** Read to the end; the answer as it would have come without a stream. */
  async final(): Promise<W> {
    for await (const _ of this.events());
    const whole = this.partial;
    if (whole === undefined) throw new GatewayError('The events of this stream add up to no whole answer.');
    return whole;
  }

  /** End the stream; whoever reads it gets an `AbortError`. */
  abort(reason?: unknown): void {
    this.#attempt.abort(reason);
    if (!this.#isUsed) void this.#body().close();
    this.#isUsed = true;
  }

  async #next(body: BodyReader): Promise<Uint8Array | null> {
    try {
      return await body.read();
    } catch (error) {
      // A caller that aborts gets its own reason; all else is a stream that broke.
      if (this.#attempt.signal.aborted && !(error instanceof TimeoutError)) throw error;
      throw this.#interrupted(error instanceof Error ? error.message : String(error), error);
    }
  }

  #item(event: ServerSentEvent): T | UnknownEvent {
    const isNamed = event.event !== 'message';
    if (isNamed && event.event !== 'error' && this.#format.tag === undefined) {
      return new UnknownEvent(event.event, event.data);
    }
    let data: unknown;
    try {
      data = JSON.parse(event.data);
    } catch (cause) {
      throw this.#interrupted('An event of the stream is no JSON', cause);
    }
    if (event.event === 'error' || isError(data)) throw this.#error(data);
    this.#fold?.add(data);
    return data as T;
  }

  #error(data: unknown): StreamInterruptedError<W> {
    const error = errorOfEvent(this.response.headers, data, this.#book);
    return this.#interrupted(error.details.message, error);
  }

  #isLast(item: T | UnknownEvent, event: ServerSentEvent): boolean {
    if (this.#format.terminal === undefined) return false;
    const tag = this.#format.tag === undefined ? undefined : (item as Record<string, unknown>)[this.#format.tag];
    return this.#format.terminal.includes(typeof tag === 'string' ? tag : event.event);
  }

  #interrupted(message: string, cause?: unknown): StreamInterruptedError<W> {
    const code = cause instanceof ApiError ? (cause.code ?? cause.type) : null;
    const said = message.replace(/ \(request [^)]*\)$/, '').replace(/[^.]$/, '$&.');
    return new StreamInterruptedError(said, this.partial, code, this.#gateway, { cause });
  }
}

function isError(data: unknown): boolean {
  if (typeof data !== 'object' || data === null) return false;
  const { type, error } = data as { type?: unknown; error?: unknown };
  return type === 'error' || (typeof error === 'object' && error !== null && type === undefined);
}
