/** Lists that come in pages. */

import { GatewayError } from './errors.js';
import type { GatewayMetadata } from './metadata.js';
import { ApiPromise, type Answer } from './promise.js';

/** Where an operation's pages have their items, and how the next one is asked for. */
export interface PageFormat {
  /** `page`: numbered, until `more` is null. `cursor`: after the last item's `id`, while `more` is true. */
  readonly kind: 'page' | 'cursor';
  /** The answer's list. */
  readonly items: string;
  /** The query parameter of the next page's number or cursor. */
  readonly next: string;
  /** The answer's field that says whether there is one. */
  readonly more: string;
}

type Query = Readonly<Record<string, unknown>>;

/** One page; iterate over it for the items of this one and of all that follow. */
export class Page<T, Body = unknown> implements AsyncIterable<T> {
  /** The items of this page. */
  readonly items: readonly T[];
  readonly #format: PageFormat;
  readonly #query: Query;
  readonly #fetch: (query: Query) => Promise<Page<T, Body>>;

  constructor(
    /** The page as the server sent it. */
    readonly body: Body,
    readonly gateway: GatewayMetadata,
    format: PageFormat,
    query: Query,
    fetch: (query: Query) => Promise<Page<T, Body>>,
  ) {
    const items = fieldOf(body, format.items);
    this.items = Array.isArray(items) ? (items as T[]) : [];
    this.#format = format;
    this.#query = query;
    this.#fetch = fetch;
  }

  get hasNext(): boolean {
    return this.#nextQuery() !== null;
  }

  /** The next page, or null after the last one. */
  async next(): Promise<Page<T, Body> | null> {
    const query = this.#nextQuery();
    return query === null ? null : this.#fetch(query);
  }

  /** This page and all that follow. */
  async *pages(): AsyncGenerator<Page<T, Body>, void, undefined> {
    for (let page: Page<T, Body> | null = this; page !== null; page = await page.next()) yield page;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  // A URL that the server names is not followed: the credential goes nowhere else.
  #nextQuery(): Query | null {
    const { kind, next, more } = this.#format;
    const said = fieldOf(this.body, more);
    if (kind === 'page') {
      if (said === undefined || said === null) return null;
      return { ...this.#query, [next]: Number(this.#query[next] ?? 1) + 1 };
    }
    const last = fieldOf(this.items.at(-1), 'id');
    if (said !== true || typeof last !== 'string') return null;
    if (last === this.#query[next]) throw new GatewayError('The server names the same page as the next one.');
    return { ...this.#query, [next]: last };
  }
}

/** `for await (const item of client.things.list())` walks through all pages; `await` gives the first one. */
export class PagePromise<T, Body = unknown> extends ApiPromise<Page<T, Body>> implements AsyncIterable<T> {
  constructor(answer: Promise<Answer<Page<T, Body>>>) {
    super(answer);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* await this;
  }

  /** Page by page. */
  async *pages(): AsyncGenerator<Page<T, Body>, void, undefined> {
    yield* (await this).pages();
  }
}

function fieldOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
}
