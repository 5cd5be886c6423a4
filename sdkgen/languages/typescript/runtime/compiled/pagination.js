/** Lists that come in pages. */
import { GatewayError } from './errors.js';
import { ApiPromise } from './promise.js';
/** One page; iterate over it for the items of this one and of all that follow. */
export class Page {
    body;
    gateway;
    /** The items of this page. */
    items;
    #format;
    #query;
    #fetch;
    constructor(
    /** The page as the server sent it. */
    body, gateway, format, query, fetch) {
        this.body = body;
        this.gateway = gateway;
        const items = fieldOf(body, format.items);
        this.items = Array.isArray(items) ? items : [];
        this.#format = format;
        this.#query = query;
        this.#fetch = fetch;
    }
    get hasNext() {
        return this.#nextQuery() !== null;
    }
    /** The next page, or null after the last one. */
    async next() {
        const query = this.#nextQuery();
        return query === null ? null : this.#fetch(query);
    }
    /** This page and all that follow. */
    async *pages() {
        for (let page = this; page !== null; page = await page.next())
            yield page;
    }
    async *[Symbol.asyncIterator]() {
        for await (const page of this.pages())
            yield* page.items;
    }
    // A URL that the server names is not followed: the credential goes nowhere else.
    #nextQuery() {
        const { kind, next, more } = this.#format;
        const said = fieldOf(this.body, more);
        if (kind === 'page') {
            if (said === undefined || said === null)
                return null;
            return { ...this.#query, [next]: Number(this.#query[next] ?? 1) + 1 };
        }
        const last = fieldOf(this.items.at(-1), 'id');
        if (said !== true || typeof last !== 'string')
            return null;
        if (last === this.#query[next])
            throw new GatewayError('The server names the same page as the next one.');
        return { ...this.#query, [next]: last };
    }
}
/** `for await (const item of client.things.list())` walks through all pages; `await` gives the first one. */
export class PagePromise extends ApiPromise {
    constructor(answer) {
        super(answer);
    }
    async *[Symbol.asyncIterator]() {
        yield* await this;
    }
    /** Page by page. */
    async *pages() {
        yield* (await this).pages();
    }
}
function fieldOf(body, name) {
    return typeof body === 'object' && body !== null ? body[name] : undefined;
}
