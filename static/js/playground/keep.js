// What is kept: a person's runs in this browser's storage, and a link whose fragment is the request. No key in either.

/** @typedef {import("./request.js").Ask} Ask */

const MOST = 30;
const MOST_CHARS = 60_000;

/**
 * @param {unknown} ask
 * @returns {Partial<Ask> | null}
 */
function checked(ask) {
  if (typeof ask !== "object" || ask === null) return null;
  const said = /** @type {any} */ (ask);
  const isText = (/** @type {unknown} */ value) => value === undefined || typeof value === "string";
  const isList = (/** @type {unknown} */ value) => value === undefined || Array.isArray(value);
  if (!isText(said.system) || !isText(said.fault) || !isText(said.language) || !isList(said.models) || !isList(said.messages)) return null;
  const messages = (said.messages ?? []).map((/** @type {any} */ one) => ({ role: String(one?.role), content: String(one?.content) }));
  const params = Object.fromEntries(Object.entries(said.params ?? {}).map(([name, value]) => [name, String(value)]));
  const extra = typeof said.extra === "object" && said.extra !== null ? said.extra : {};
  return { language: said.language, models: (said.models ?? []).map(String), fault: said.fault, system: said.system, messages, params, extra };
}

/** @param {Ask} ask */
export function linkOf(ask) {
  const bytes = new TextEncoder().encode(JSON.stringify(ask));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const fragment = text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return `${location.origin}${location.pathname}${location.search}#ask=${fragment}`;
}

/** The request of the address, null when it has none that can be read. */
export function askOfLink() {
  const found = /^#ask=([\w-]+)$/.exec(location.hash);
  if (!found) return null;
  try {
    const bytes = Uint8Array.from(atob(found[1].replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    return checked(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch {
    return null;
  }
}

export class History {
  /** @param {{person: string, organization: string}} facts */
  constructor(facts) {
    this.place = `playground.runs.${facts.organization}.${facts.person}`;
  }

  /** @returns {{at: string, ask: Partial<Ask>, results: object[]}[]} newest first */
  all() {
    try {
      const found = JSON.parse(localStorage.getItem(this.place) ?? "[]");
      return found.map((/** @type {any} */ one) => ({ ...one, ask: checked(one.ask) })).filter((/** @type {any} */ one) => one.ask);
    } catch {
      return [];
    }
  }

  /**
   * @param {Ask} ask
   * @param {object[]} results
   */
  add(ask, results) {
    const entry = { at: new Date().toISOString(), ask, results };
    if (JSON.stringify(entry).length > MOST_CHARS) return;
    try {
      localStorage.setItem(this.place, JSON.stringify([entry, ...this.all()].slice(0, MOST)));
    } catch {
      return; // the storage is full, or switched off: the run stands on the page
    }
  }

  clear() {
    localStorage.removeItem(this.place);
  }
}
