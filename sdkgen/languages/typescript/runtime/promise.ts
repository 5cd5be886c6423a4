/** What every method gives back: a promise of the data that can also be asked for the rest of the answer. */

import type { GatewayMetadata } from './metadata.js';

/** An answer with everything that is known of it. */
export interface Answer<T> {
  readonly data: T;
  /** Status and headers; the body too, of binary answers and of streams that are not read otherwise. */
  readonly response: Response;
  /** Cost, cache, provider, attempts, rate limits, request id. */
  readonly gateway: GatewayMetadata;
}

/** `await` it for the data; {@link withResponse} gives the metadata as well, {@link asResponse} the raw answer. */
export class ApiPromise<T> implements Promise<T> {
  readonly #answer: Promise<Answer<T>>;

  constructor(answer: Promise<Answer<T>>) {
    this.#answer = answer;
  }

  get [Symbol.toStringTag](): string {
    return 'ApiPromise';
  }

  /** Data, raw response and the gateway's metadata. */
  withResponse(): Promise<Answer<T>> {
    return this.#answer;
  }

  /** The raw response: its JSON body can be read once more, a stream's as long as nobody else reads it. */
  asResponse(): Promise<Response> {
    return this.#answer.then((answer) => answer.response);
  }

  then<A = T, B = never>(
    onData?: ((data: T) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#answer.then((answer) => answer.data).then(onData, onError);
  }

  catch<B = never>(onError?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onError);
  }

  finally(onEnd?: (() => void) | null): Promise<T> {
    return this.then().finally(onEnd);
  }
}
