/** A place in the tree of a client: the generated classes add its methods. */
import type { BaseClient } from './client.js';
export declare class Resource {
    protected readonly _client: BaseClient;
    constructor(client: BaseClient);
}
