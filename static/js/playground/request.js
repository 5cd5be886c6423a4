// The request as the form shows it: read, checked, written back. Its state has no key in it.

/**
 * @typedef {{role: string, content: string}} Message
 * @typedef {{language: string, models: string[], fault: string, system: string, messages: Message[],
 *   params: Record<string, string>, extra: Record<string, unknown>}} Ask
 */

export const PARAMS = ["temperature", "top_p", "max_tokens", "seed", "stop", "cache", "retries", "firstByte"];
export const MOST_MODELS = 4;
const ROLES = ["user", "assistant"];

/** @type {Record<string, {whole?: boolean, from: number, to: number, isNeeded?: boolean}>} */
const NUMBERS = {
  temperature: { from: 0, to: 2 },
  top_p: { from: 0, to: 1 },
  max_tokens: { whole: true, from: 1, to: 10_000_000 },
  seed: { whole: true, from: -(2 ** 53), to: 2 ** 53 },
  retries: { whole: true, from: 0, to: 10, isNeeded: true },
  firstByte: { whole: true, from: 100, to: 600_000, isNeeded: true },
};

/**
 * What is wrong with a field; empty when nothing is.
 * @param {string} name
 * @param {string} text
 */
export function problemOf(name, text) {
  const rule = NUMBERS[name];
  const said = text.trim();
  if (!rule || (said === "" && !rule.isNeeded)) return "";
  const value = Number(said);
  if (said === "" || !Number.isFinite(value)) return "A number is wanted.";
  if (rule.whole && !Number.isInteger(value)) return "A whole number is wanted.";
  if (value < rule.from || value > rule.to) return `From ${rule.from} to ${rule.to}.`;
  return "";
}

/**
 * The body of Chat Completions for one model.
 * @param {Ask} ask
 * @param {string} model
 */
export function bodyOf(ask, model) {
  const { temperature, top_p, max_tokens, seed, stop } = ask.params;
  /** @type {Record<string, unknown>} */
  const body = { ...ask.extra, model };
  body.messages = [...(ask.system.trim() ? [{ role: "system", content: ask.system }] : []), ...ask.messages];
  for (const [name, text] of Object.entries({ temperature, top_p, max_tokens, seed })) {
    if (text?.trim() && problemOf(name, text) === "") body[name] = Number(text);
  }
  if (stop) body.stop = stop;
  body.stream_options = { include_usage: true };
  return body;
}

/** @param {Ask} ask */
export function optionsOf(ask) {
  return {
    maxRetries: Number(ask.params.retries),
    timeouts: { firstByte: Number(ask.params.firstByte) },
    gateway: ask.params.cache ? { cache: ask.params.cache } : {},
  };
}

/**
 * A logged body as a request: texts go to the form, everything else is sent along as it was.
 * @param {any} body
 * @returns {Partial<Ask>}
 */
export function askOf(body) {
  const { model, messages, stream, stream_options, temperature, top_p, max_tokens, seed, stop, ...extra } = body;
  const isPlain = messages.every((/** @type {any} */ one) => typeof one.content === "string" && Object.keys(one).length === 2);
  const systems = isPlain && messages[0]?.role === "system" ? [messages[0].content] : [];
  const rest = messages.slice(systems.length);
  const isShown = isPlain && rest.every((/** @type {any} */ one) => ROLES.includes(one.role));
  /** @type {Record<string, string>} */
  const params = {};
  for (const [name, value] of Object.entries({ temperature, top_p, max_tokens, seed })) {
    if (typeof value === "number") params[name] = String(value);
  }
  if (typeof stop === "string") params.stop = stop;
  else if (stop !== undefined) extra.stop = stop;
  return {
    models: typeof model === "string" ? [model] : [],
    system: isShown ? (systems[0] ?? "") : "",
    messages: isShown ? rest : [],
    params,
    extra: isShown ? extra : { ...extra, messages },
  };
}

/** @param {HTMLElement} root */
export class Form {
  /**
   * @param {HTMLElement} root
   * @param {{name: string, by: string, isSandbox: boolean}[]} offers
   * @param {() => void} changed
   */
  constructor(root, offers, changed) {
    this.form = /** @type {HTMLFormElement} */ (root.querySelector("[data-play-form]"));
    this.models = /** @type {HTMLElement} */ (root.querySelector("[data-play-models]"));
    this.messages = /** @type {HTMLElement} */ (root.querySelector("[data-play-messages]"));
    this.offers = offers;
    /** @type {Record<string, unknown>} */
    this.extra = {};
    this.allowed = offers.map((offer) => offer.name);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", (event) => {
      if (event.target instanceof HTMLTextAreaElement) event.target.dataset.touched = "yes";
      this.check();
      changed();
    });
    root.querySelector("[data-play-add-model]")?.addEventListener("click", () => (this.addModel(), changed()));
    root.querySelector("[data-play-add-message]")?.addEventListener("click", () => {
      const last = this.messages.querySelectorAll("select");
      const isAnswer = last.length > 0 && /** @type {HTMLSelectElement} */ (last[last.length - 1]).value === "user";
      this.addMessage({ role: isAnswer ? "assistant" : "user", content: "" }).focus();
      changed();
    });
    this.form.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("[data-play-remove]");
      if (!button) return;
      button.parentElement?.remove();
      this.check();
      changed();
    });
    this.#faults(offers);
  }

  /** @param {{name: string, isSandbox: boolean}[]} offers */
  #faults(offers) {
    const found = offers.filter((offer) => offer.isSandbox);
    const field = /** @type {HTMLElement} */ (this.form.querySelector("[data-play-faults]"));
    field.hidden = found.length === 0;
    const select = /** @type {HTMLSelectElement} */ (this.form.elements.namedItem("fault"));
    select.append(new Option("None: the models above", ""));
    for (const offer of found) select.append(new Option(offer.name, offer.name));
  }

  /**
   * The models that the pickers offer: those that the key may call.
   * @param {string[]} names
   */
  limit(names) {
    this.allowed = names;
    for (const select of this.models.querySelectorAll("select")) this.#fill(select, select.value);
  }

  /**
   * @param {HTMLSelectElement} select
   * @param {string} chosen
   */
  #fill(select, chosen) {
    const names = this.allowed.includes(chosen) || !chosen ? this.allowed : [chosen, ...this.allowed];
    select.replaceChildren(
      ...names.map((name) => {
        const offer = this.offers.find((one) => one.name === name);
        const words = this.allowed.includes(name) ? `${name}${offer ? ` · ${offer.by}` : ""}` : `${name} (the key may not call it)`;
        return new Option(words, name, false, name === chosen);
      }),
    );
  }

  /** @param {string} [name] */
  addModel(name) {
    const taken = [...this.models.querySelectorAll("select")].map((select) => select.value);
    if (taken.length >= MOST_MODELS) return;
    const chosen = name ?? this.allowed.find((one) => !taken.includes(one)) ?? this.allowed[0] ?? "";
    const row = document.createElement("div");
    row.className = "play-row";
    const select = document.createElement("select");
    select.className = "select";
    select.setAttribute("aria-label", `Model ${taken.length + 1}`);
    this.#fill(select, chosen);
    row.append(select, removal("Remove this model"));
    this.models.append(row);
    this.check();
  }

  /** @param {Message} message */
  addMessage(message) {
    const row = document.createElement("div");
    row.className = "play-row play-message";
    const role = document.createElement("select");
    role.className = "select";
    role.setAttribute("aria-label", "Role");
    for (const name of ROLES) role.append(new Option(name, name, false, name === message.role));
    const content = document.createElement("textarea");
    content.className = "input";
    content.rows = 3;
    content.value = message.content;
    content.setAttribute("aria-label", "Message");
    row.append(role, content, removal("Remove this message"));
    this.messages.append(row);
    return content;
  }

  /** @returns {Ask} */
  read() {
    const data = new FormData(this.form);
    return {
      language: String(data.get("language")),
      models: [...this.models.querySelectorAll("select")].map((select) => select.value),
      fault: String(data.get("fault") ?? ""),
      system: String(data.get("system") ?? ""),
      messages: [...this.messages.children].map((row) => ({
        role: /** @type {HTMLSelectElement} */ (row.querySelector("select")).value,
        content: /** @type {HTMLTextAreaElement} */ (row.querySelector("textarea")).value,
      })),
      params: Object.fromEntries(PARAMS.map((name) => [name, String(data.get(name) ?? "")])),
      extra: this.extra,
    };
  }

  /** @param {Partial<Ask>} ask */
  write(ask) {
    this.extra = ask.extra ?? {};
    this.models.replaceChildren();
    this.messages.replaceChildren();
    const known = (ask.models ?? []).filter((name) => this.offers.some((offer) => offer.name === name));
    for (const name of known.slice(0, MOST_MODELS)) this.addModel(name);
    if (known.length === 0) this.addModel();
    const said = ask.messages ?? [];
    const isEmpty = said.length === 0 && !("messages" in this.extra);
    for (const message of isEmpty ? [{ role: "user", content: "" }] : said) this.addMessage(message);
    for (const [name, value] of Object.entries({ system: ask.system, fault: ask.fault, language: ask.language, ...ask.params })) {
      const field = /** @type {any} */ (this.form.elements.namedItem(name));
      if (field && value !== undefined) field.value = value;
    }
    this.check();
  }

  /**
   * Shows what is wrong beside its field; whether nothing is. A message that nobody has written in yet is told to be
   * empty only when it is to be sent.
   * @param {boolean} isSent
   */
  check(isSent = false) {
    let isGood = true;
    for (const name of PARAMS) {
      const field = /** @type {HTMLInputElement | null} */ (this.form.elements.namedItem(name));
      if (!field) continue;
      isGood = show(field, problemOf(name, field.value)) && isGood;
    }
    const contents = [...this.messages.querySelectorAll("textarea")];
    for (const field of contents) {
      const isEmpty = !field.value.trim();
      show(field, isEmpty && (isSent || field.dataset.touched) ? "Say something." : "");
      isGood = isGood && !isEmpty;
    }
    if (contents.length === 0 && !("messages" in this.extra)) isGood = false;
    return isGood;
  }
}

/**
 * @param {HTMLElement} field
 * @param {string} problem
 */
function show(field, problem) {
  const holder = /** @type {HTMLElement} */ (field.parentElement);
  holder.classList.toggle("field-bad", problem !== "");
  let words = holder.querySelector(".error-text");
  if (problem === "") {
    words?.remove();
    field.removeAttribute("aria-invalid");
    return true;
  }
  if (!words) {
    words = document.createElement("p");
    words.className = "error-text";
    words.id = `play-error-${Math.random().toString(36).slice(2)}`;
    holder.append(words);
  }
  words.textContent = problem;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", words.id);
  return false;
}

/** @param {string} label */
function removal(label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-icon btn-quiet";
  button.dataset.playRemove = "";
  button.setAttribute("aria-label", label);
  button.textContent = "×";
  return button;
}
