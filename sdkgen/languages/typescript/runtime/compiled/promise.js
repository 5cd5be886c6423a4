/** What every method gives back: a promise of the data that can also be asked for the rest of the answer. */
/** `await` it for the data; {@link withResponse} gives the metadata as well, {@link asResponse} the raw answer. */
export class ApiPromise {
    #answer;
    constructor(answer) {
        this.#answer = answer;
    }
    get [Symbol.toStringTag]() {
        return 'ApiPromise';
    }
    /** Data, raw response and the gateway's metadata. */
    withResponse() {
        return this.#answer;
    }
    /** The raw response: its JSON body can be read once more, a stream's as long as nobody else reads it. */
    asResponse() {
        return this.#answer.then((answer) => answer.response);
    }
    then(onData, onError) {
        return this.#answer.then((answer) => answer.data).then(onData, onError);
    }
    catch(onError) {
        return this.then(undefined, onError);
    }
    finally(onEnd) {
        return this.then().finally(onEnd);
    }
}
