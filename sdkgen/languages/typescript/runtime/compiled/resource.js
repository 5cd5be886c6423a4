/** A place in the tree of a client: the generated classes add its methods. */
export class Resource {
    _client;
    constructor(client) {
        this._client = client;
    }
}
