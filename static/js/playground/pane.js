// One answer on the page: its text as it comes, the bytes of its events, what the SDK did and when, what the gateway said.

const MOST_RAW = 200_000;
let made = 0;

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {string} [words]
 */
export function element(tag, className = "", words = "") {
  const found = document.createElement(tag);
  if (className) found.className = className;
  if (words) found.textContent = words;
  return found;
}

/** @param {number} ms */
export function shownMs(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export class Pane {
  /**
   * @param {string} model
   * @param {{request: string}} facts
   */
  constructor(model, facts) {
    this.facts = facts;
    this.model = model;
    this.text = "";
    this.raw = "";
    this.events = 0;
    /** @type {number | null} */
    this.sent = null;
    /** @type {number | null} */
    this.firstToken = null;
    /** @type {number | null} */
    this.total = null;
    /** @type {any} */
    this.usage = null;
    /** @type {any} */
    this.gateway = null;
    /** @type {any} */
    this.failure = null;
    this.finish = "";
    this.isOver = false;
    this.#draw(++made);
  }

  /** @param {number} number */
  #draw(number) {
    this.root = element("section", "card play-pane");
    this.root.setAttribute("aria-label", `Answer of ${this.model}`);
    this.root.dataset.playPane = this.model;
    const head = element("div", "card-head");
    this.state = element("span", "badge", "Waiting");
    const heading = element("h2", "", this.model);
    head.append(heading, this.state);
    const body = element("div", "card-body stack-small switch");
    body.dataset.switch = "";
    this.figures = element("dl", "stats play-figures");
    const tabs = element("div", "tabs");
    tabs.setAttribute("role", "tablist");
    tabs.setAttribute("aria-label", `Views of the answer of ${this.model}`);
    this.answer = element("div", "play-text");
    this.answer.setAttribute("aria-live", "polite");
    this.events_ = element("pre");
    this.events_.tabIndex = 0;
    const raw = element("div", "code play-raw");
    raw.append(this.events_);
    this.timeline = element("ol", "plain-list play-timeline");
    this.said = element("dl", "pairs play-said");
    const views = { Answer: this.answer, "Raw events": raw, Timeline: this.timeline, Gateway: this.said };
    const panels = Object.entries(views).map(([name, view], at) => {
      const tab = element("button", "tab", name);
      const panel = element("div");
      Object.assign(tab, { type: "button", id: `play-${number}-tab-${at}`, tabIndex: at === 0 ? 0 : -1 });
      panel.id = `play-${number}-${at}`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      tab.setAttribute("aria-selected", String(at === 0));
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      panel.tabIndex = 0;
      panel.hidden = at > 0;
      panel.append(view);
      tabs.append(tab);
      return panel;
    });
    body.append(this.figures, tabs, ...panels);
    this.root.append(head, body);
    this.#showFigures();
  }

  /** What the worker tells of the run. @param {any} said */
  take(said) {
    switch (said.kind) {
      case "loading":
        this.#state("Loading Python", "warn");
        break;
      case "begun":
        this.#state("Running", "warn");
        break;
      case "try":
        this.sent ??= said.at;
        this.#line(said.at, `Try ${said.number} sent`);
        break;
      case "answered":
        this.#line(said.at, `Try ${said.number}: status ${said.status}`, said.status < 400 ? "good" : "bad");
        break;
      case "unanswered":
        this.#line(said.at, `Try ${said.number}: no answer (${said.text})`, "bad");
        break;
      case "retry": {
        const why = said.status === null ? "no answer" : `status ${said.status}`;
        this.#line(said.at, `The SDK waits ${shownMs(said.delayMs)} after ${why}, then repeats (${said.retries})`, "warn");
        break;
      }
      case "raw":
        this.#raw(said.text);
        break;
      case "chunk":
        this.#chunk(said);
        break;
      case "unknown":
        this.#line(said.at, `An event that the SDK does not know was handed over: ${said.event}`, "warn");
        break;
      case "done":
        this.gateway = said.gateway;
        this.total = this.#since(said.at);
        this.#line(said.at, `Complete after ${this.events} events`, "good");
        this.#state("Complete", "ok");
        break;
      case "failed":
        this.#failed(said);
        break;
      case "over":
        this.isOver = true;
        break;
    }
    this.#showFigures();
  }

  get result() {
    return {
      model: this.model, state: this.state?.textContent, text: this.text.slice(0, 2000), usage: this.usage,
      cost: this.gateway?.cost ?? null, requestId: this.gateway?.requestId ?? this.failure?.requestId ?? null,
      firstTokenMs: this.firstToken, totalMs: this.total,
    };
  }

  /** @param {any} said */
  #chunk(said) {
    this.events += 1;
    const { chunk } = said;
    if (chunk.usage) this.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (choice?.finish_reason) this.finish = choice.finish_reason;
    const delta = choice?.delta ?? {};
    const words = delta.content ?? delta.refusal ?? "";
    if ((words || delta.tool_calls) && this.firstToken === null) {
      this.firstToken = this.#since(said.at);
      this.#line(said.at, "First token");
    }
    if (words) {
      this.text += words;
      /** @type {HTMLElement} */ (this.answer).textContent = this.text;
    }
    for (const call of delta.tool_calls ?? []) {
      this.text += `${call.function?.name ? `\n${call.function.name} ` : ""}${call.function?.arguments ?? ""}`;
      /** @type {HTMLElement} */ (this.answer).textContent = this.text;
    }
  }

  /** @param {any} said */
  #failed(said) {
    const isStopped = said.isStopped || said.name === "AbortError";
    this.failure = said;
    this.total = this.sent === null ? null : this.#since(said.at);
    this.#line(said.at, isStopped ? "Stopped" : `${said.name}: ${said.text}`, isStopped ? "warn" : "bad");
    this.#state(isStopped ? "Stopped" : "Failed", isStopped ? "warn" : "bad");
    if (isStopped) return;
    const words = element("p", "error-text", `${said.name}: ${said.text}`);
    if (this.text) words.prepend("The answer is as far as it came. ");
    this.answer?.after(words);
  }

  /** @param {string} text */
  #raw(text) {
    this.raw += text;
    const view = /** @type {HTMLElement} */ (this.events_);
    view.textContent = this.raw.length > MOST_RAW ? `${this.raw.slice(0, MOST_RAW)}\n… not shown: ${this.raw.length - MOST_RAW} characters` : this.raw;
  }

  /** @param {number} at */
  #since(at) {
    return at - (this.sent ?? at);
  }

  /**
   * @param {number} at
   * @param {string} words
   * @param {string} [tone]
   */
  #line(at, words, tone = "") {
    const row = element("li", tone ? `play-${tone}` : "");
    row.append(element("span", "play-at", shownMs(this.sent === null ? 0 : this.#since(at))), element("span", "", words));
    this.timeline?.append(row);
  }

  /**
   * @param {string} words
   * @param {string} tone
   */
  #state(words, tone) {
    const pill = /** @type {HTMLElement} */ (this.state);
    pill.textContent = words;
    pill.className = `badge badge-${tone}`;
  }

  #showFigures() {
    const id = this.gateway?.requestId ?? this.failure?.requestId;
    const tokens = this.usage ? `${this.usage.prompt_tokens} in, ${this.usage.completion_tokens} out` : "—";
    const figures = {
      "First token": this.firstToken === null ? "—" : shownMs(this.firstToken),
      Total: this.total === null ? "—" : shownMs(this.total),
      Tokens: tokens,
      Cost: this.gateway ? (this.gateway.cost ?? "no price known") : "—",
    };
    this.figures?.replaceChildren(...pairsOf(figures, true));
    /** @type {Record<string, string | Node>} */
    const said = {};
    if (id) {
      const link = /** @type {HTMLAnchorElement} */ (element("a", "", id));
      link.href = this.facts.request.replace("REQUEST", encodeURIComponent(id));
      said.Request = link;
    }
    const names = { provider: "Provider", model: "Model that answered", cache: "Response cache", attempts: "Providers tried", retries: "Repeats by the SDK", outputCap: "Cut by the budget at" };
    for (const [name, label] of Object.entries(names)) {
      const value = this.gateway?.[name];
      if (value !== null && value !== undefined) said[label] = String(value);
    }
    if (this.gateway?.attempts > 1) said.Fallback = `${this.gateway.attempts - 1} before it failed`;
    if (this.gateway?.dropped?.length) said["Fields left out"] = this.gateway.dropped.join(", ");
    if (this.gateway?.isReplay) said.Replay = "of an earlier call with the same idempotency key, billed once";
    if (this.finish) said["Finish reason"] = this.finish;
    if (this.failure?.status) said.Status = `${this.failure.status}${this.failure.code ? ` (${this.failure.code})` : ""}`;
    this.said?.replaceChildren(...pairsOf(said, false));
  }
}

/**
 * @param {Record<string, string | Node>} pairs
 * @param {boolean} isGrouped each pair in a box of its own
 */
function pairsOf(pairs, isGrouped) {
  return Object.entries(pairs).flatMap(([label, value]) => {
    const name = element("dt", "", label);
    const shown = element("dd");
    shown.append(value);
    if (!isGrouped) return [name, shown];
    const row = element("div");
    row.append(name, shown);
    return [row];
  });
}
