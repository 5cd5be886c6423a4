/** Lists that come in pages. */
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
export declare class Page<T, Body = unknown> implements AsyncIterable<T> {
    #private;
    /** The page as the server sent it. */
    readonly body: Body;
    readonly gateway: GatewayMetadata;
    /** The items of this page. */
    readonly items: readonly T[];
    constructor(
    /** The page as the server sent it. */
    body: Body, gateway: GatewayMetadata, format: PageFormat, query: Query, fetch: (query: Query) => Promise<Page<T, Body>>);
    get hasNext(): boolean;
    /** The next page, or null after the last one. */
    next(): Promise<Page<T, Body> | null>;
    /** This page and all that follow. */
    pages(): AsyncGenerator<Page<T, Body>, void, undefined>;
    [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined>;
}
/** `for await (const item of client.things.list())` walks through all pages; `await` gives the first one. */
export declare class PagePromise<T, Body = unknown> extends ApiPromise<Page<T, Body>> implements AsyncIterable<T> {
    constructor(answer: Promise<Answer<Page<T, Body>>>);
    [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined>;
    /** Page by page. */
    pages(): AsyncGenerator<Page<T, Body>, void, undefined>;
}
export {};
