// The request as code: the gateway writes it in the languages of its SDKs, with the names that the packages have.

import { element } from "./pane.js";
import { bodyOf, optionsOf } from "./request.js";

const WAIT_MS = 400;

export class Code {
  /**
   * @param {HTMLElement} holder
   * @param {{code: string, recorded: string}} facts
   * @param {Record<string, string>} headers
   */
  constructor(holder, facts, headers) {
    this.holder = holder;
    this.facts = facts;
    this.headers = headers;
    this.timer = 0;
    this.asked = 0;
  }

  /** Write it anew, once nothing has changed for a moment. @param {import("./request.js").Ask} ask */
  later(ask) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.show(ask), WAIT_MS);
  }

  /** @param {import("./request.js").Ask} ask */
  async show(ask) {
    const number = ++this.asked;
    const options = optionsOf(ask);
    const said = { body: bodyOf(ask, ask.fault || ask.models[0] || "MODEL"), retries: options.maxRetries, cache: options.gateway.cache ?? "" };
    let found;
    try {
      const answer = await fetch(this.facts.code, { method: "POST", headers: this.headers, body: JSON.stringify(said) });
      found = await answer.json();
    } catch {
      found = { problem: "The code could not be had from the gateway." };
    }
    if (number !== this.asked) return; // a later one is on its way
    if (found.samples) this.#draw(found.samples);
    else this.holder.replaceChildren(element("p", "quiet", found.problem));
  }

  /** @param {{language: string, code: string, output: string | null}[]} samples */
  #draw(samples) {
    const chosen = this.holder.querySelector("[aria-selected=true]")?.textContent;
    const tabs = element("div", "tabs");
    tabs.setAttribute("role", "tablist");
    tabs.setAttribute("aria-label", "Language");
    const box = element("div", "switch");
    box.dataset.switch = "";
    box.append(tabs);
    for (const [at, sample] of samples.entries()) {
      const isChosen = chosen ? sample.language === chosen : at === 0;
      const tab = element("button", "tab", sample.language);
      Object.assign(tab, { type: "button", id: `play-code-tab-${at}`, tabIndex: isChosen ? 0 : -1 });
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", `play-code-${at}`);
      tab.setAttribute("aria-selected", String(isChosen));
      tabs.append(tab);
      const panel = element("div", "stack-small");
      panel.id = `play-code-${at}`;
      panel.hidden = !isChosen;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      const copy = element("button", "btn btn-small", `Copy ${sample.language}`);
      /** @type {HTMLButtonElement} */ (copy).type = "button";
      copy.dataset.copy = sample.code;
      panel.append(block(sample.code), copy);
      if (sample.output !== null) {
        panel.append(element("p", "quiet", `What a test saw such a program print for ${this.facts.recorded}:`), block(sample.output));
      }
      box.append(panel);
    }
    this.holder.replaceChildren(box);
  }
}

/** @param {string} text */
function block(text) {
  const found = element("div", "code play-sample");
  const code = element("pre", "", text);
  code.tabIndex = 0;
  found.append(code);
  return found;
}
