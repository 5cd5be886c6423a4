// The page's key: made by the session for some minutes, held in this module's memory alone, replaced when it is used up.

/** @typedef {{id: string, secret: string, prefix: string, models: string[], budget: string, currency: string,
 *   expires_at: string, project: string}} Opened */

const AHEAD_MS = 20_000;

/** Of a request of this page to the gateway's console. */
export function headersOf() {
  const token = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"];
  return { "Content-Type": "application/json", "X-CSRFToken": token };
}

export class Keys {
  /** @type {Opened | null} */
  #opened = null;

  /**
   * @param {{sessions: string, organization: string}} facts
   * @param {(opened: Opened | null) => void} changed
   */
  constructor(facts, changed) {
    this.facts = facts;
    this.changed = changed;
  }

  get isLive() {
    return this.#opened !== null && Date.parse(this.#opened.expires_at) - Date.now() > AHEAD_MS;
  }

  get current() {
    return this.#opened;
  }

  /**
   * The secret of a key that is good for `project` and `models`; a new one when this one is not.
   * @param {{project: string, minutes: number, budget: string, models: string[]}} wanted
   * @param {string[]} needed
   */
  async secret(wanted, needed) {
    const may = this.#opened?.models ?? [];
    if (!this.isLive || this.#opened?.project !== wanted.project || !needed.every((name) => may.includes(name))) {
      await this.open(wanted);
    }
    return /** @type {Opened} */ (this.#opened).secret;
  }

  /** @param {{project: string, minutes: number, budget: string, models: string[]}} wanted */
  async open(wanted) {
    const replaces = sessionStorage.getItem(this.#place);
    let answer = await this.#post({ ...wanted, ...(replaces ? { replaces } : {}) });
    if (answer.status === 404 && replaces) answer = await this.#post(wanted); // somebody else's tab of old
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.detail ?? said.title ?? `No key could be made: ${answer.status}.`);
    this.#opened = said;
    sessionStorage.setItem(this.#place, said.id);
    this.changed(said);
  }

  async end() {
    const id = this.#opened?.id;
    this.#opened = null;
    sessionStorage.removeItem(this.#place);
    this.changed(null);
    if (id) await fetch(`${this.facts.sessions}/${id}`, { method: "DELETE", headers: this.#headers });
  }

  /** @param {object} body */
  #post(body) {
    return fetch(this.facts.sessions, { method: "POST", headers: this.#headers, body: JSON.stringify(body) });
  }

  get #headers() {
    return { ...headersOf(), "X-Organization": this.facts.organization };
  }

  /** The session's id, which opens nothing, so that a page that is loaded again ends the key it had. */
  get #place() {
    return `playground.session.${this.facts.organization}`;
  }
}
