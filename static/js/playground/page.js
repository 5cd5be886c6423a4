// The playground: a request form, a key of its own, a worker that runs the generated SDKs, answers side by side.

import { Code } from "./code.js";
import { askOfLink, History, linkOf } from "./keep.js";
import { element, Pane, shownMs } from "./pane.js";
import { askOf, bodyOf, Form, optionsOf } from "./request.js";
import { headersOf, Keys } from "./session.js";

const facts = JSON.parse(document.getElementById("play-facts")?.textContent ?? "{}");
const root = document.querySelector("[data-play]");
if (root instanceof HTMLElement) begin(root);

/** @param {HTMLElement} root */
function begin(root) {
  /** @param {string} name @returns {any} */
  const part = (name) => document.querySelector(`[data-play-${name}]`);
  const field = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (document.getElementById(id));
  const history = new History(facts);
  /** @type {Map<string, Pane>} */
  const panes = new Map();
  /** @type {Worker | null} */
  let worker = null;
  let runs = 0;
  let isAsking = false;
  let isStopped = false;
  /** @type {import("./request.js").Ask | null} */
  let asked = null;

  // ---- the key -------------------------------------------------------------------------------------------------------
  const keys = new Keys(facts, (opened) => {
    part("end").disabled = opened === null;
    form.limit(opened?.models ?? allowed());
    showKey();
  });
  const code = new Code(part("code"), facts, headersOf());
  const form = new Form(root, facts.offers, showCode);

  for (const offer of facts.offers) {
    const label = element("label", "check-label");
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: true, value: offer.name });
    label.append(box, element("span", "", `${offer.name} · ${offer.by}`));
    part("allowed").append(label);
  }
  part("allowed").addEventListener("change", () => {
    if (!keys.isLive) form.limit(allowed());
  });

  function allowed() {
    return [...part("allowed").querySelectorAll("input:checked")].map((/** @type {any} */ box) => box.value);
  }

  function wanted() {
    return {
      project: field("play-project").value,
      minutes: Number(field("play-minutes").value),
      budget: field("play-budget").value.trim(),
      models: allowed(),
    };
  }

  function showKey() {
    const { current } = keys;
    if (current === null) {
      part("key").textContent = "None: the next run makes one. It calls models, nothing else, and it is not kept.";
      return;
    }
    const leftMs = Date.parse(current.expires_at) - Date.now();
    const until = leftMs > 0 ? `for ${Math.ceil(leftMs / 60_000)} more min` : "no longer: the next run makes another";
    const amount = `${Number(current.budget)} ${current.currency}`;
    part("key").textContent = `${current.prefix}… may spend ${amount} on ${current.models.length} models, ${until}.`;
  }
  setInterval(showKey, 15_000);

  /** @param {unknown} error */
  function complain(error) {
    const words = error instanceof Error ? error.message : String(error);
    const banner = element("p", "banner banner-bad", words);
    part("alert").replaceChildren(banner);
  }

  part("open").addEventListener("click", () => keys.open(wanted()).then(() => part("alert").replaceChildren(), complain));
  part("end").addEventListener("click", () => keys.end().catch(complain));

  // ---- running -------------------------------------------------------------------------------------------------------
  function started() {
    if (worker === null) {
      worker = new Worker(facts.worker, { type: "module" });
      worker.addEventListener("message", ({ data }) => take(data));
      worker.addEventListener("error", (event) => complain(event.message || "The worker could not be loaded."));
      worker.postMessage({ type: "start", facts: { ...absolute("sdk", "python", "caller", "pyodide", "pyodideFolder") } });
    }
    return worker;
  }

  /** @param {string[]} names */
  function absolute(...names) {
    return Object.fromEntries(names.map((name) => [name, new URL(facts[name], location.origin).href]));
  }

  /** @param {any} said */
  function take(said) {
    const pane = panes.get(said.run);
    if (!pane) return;
    pane.take(said);
    if ([...panes.values()].every((one) => one.isOver)) over();
  }

  async function run() {
    if (isAsking) return;
    if (!form.check(true)) {
      root.querySelector("details:has([aria-invalid])")?.setAttribute("open", "");
      /** @type {HTMLElement | null} */ (root.querySelector("[aria-invalid]"))?.focus();
      return;
    }
    part("alert").replaceChildren();
    asked = form.read();
    const models = asked.fault ? [asked.fault] : asked.models;
    busy(true);
    isStopped = false;
    let secret;
    try {
      secret = await keys.secret(wanted(), models);
    } catch (error) {
      busy(false);
      complain(error);
      return;
    }
    if (isStopped) return busy(false);
    panes.clear();
    part("panes").replaceChildren();
    for (const model of models) {
      const run = String(++runs);
      const pane = new Pane(model, facts);
      panes.set(run, pane);
      part("panes").append(pane.root);
    }
    root.dataset.runs = String(runs);
    for (const [run, pane] of panes) {
      const body = bodyOf(asked, pane.model);
      started().postMessage({ type: "run", run, language: asked.language, secret, body, ...optionsOf(asked) });
    }
  }

  function stop() {
    isStopped = true;
    for (const run of panes.keys()) worker?.postMessage({ type: "stop", run });
  }

  function over() {
    if (!isAsking) return;
    busy(false);
    if (asked) history.add(asked, [...panes.values()].map((pane) => pane.result));
    showHistory();
  }

  /** @param {boolean} is */
  function busy(is) {
    isAsking = is;
    part("run").disabled = is;
    part("stop").disabled = !is;
  }

  part("run").addEventListener("click", run);
  part("stop").addEventListener("click", stop);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
      event.preventDefault();
      void run();
    } else if (event.key === "Escape" && isAsking) stop();
  });

  // ---- code, history, links ------------------------------------------------------------------------------------------
  function showCode() {
    code.later(form.read());
  }

  function showHistory() {
    const entries = history.all();
    if (entries.length === 0) {
      part("history").replaceChildren(element("p", "quiet", "None yet."));
      return;
    }
    const list = element("ul", "plain-list play-history");
    for (const { at, ask, results } of entries) {
      const row = element("li");
      const again = element("button", "btn btn-small", "Open");
      /** @type {HTMLButtonElement} */ (again).type = "button";
      again.setAttribute("aria-label", `Open the run of ${new Date(at).toLocaleString()}`);
      again.addEventListener("click", () => {
        form.write(ask);
        showCode();
        root.scrollIntoView({ block: "start" });
      });
      const last = ask.messages?.at(-1)?.content ?? "";
      const words = element("div", "play-entry");
      words.append(element("span", "", last.slice(0, 120) || "A logged request"));
      const details = results.map((/** @type {any} */ one) => `${one.model}: ${one.state}${one.totalMs === null ? "" : `, ${shownMs(one.totalMs)}`}`);
      words.append(element("span", "quiet", `${new Date(at).toLocaleString()} · ${details.join(" · ")}`));
      row.append(words, again);
      list.append(row);
    }
    const forget = element("button", "btn btn-small btn-quiet", "Forget all");
    /** @type {HTMLButtonElement} */ (forget).type = "button";
    forget.addEventListener("click", () => {
      history.clear();
      showHistory();
    });
    part("history").replaceChildren(list, forget);
  }

  part("share").addEventListener("click", async () => {
    const link = linkOf(form.read());
    window.history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      part("share").textContent = "Link copied";
    } catch {
      part("share").textContent = "The link is in the address bar";
    }
  });

  const ask = facts.body ? askOf(facts.body) : (askOfLink() ?? {});
  const unknown = (ask.models ?? []).filter((name) => !facts.offers.some((/** @type {any} */ offer) => offer.name === name));
  form.write(ask);
  if (unknown.length) complain(`Not offered here: ${unknown.join(", ")}. Choose another model.`);
  void code.show(form.read());
  showHistory();
  addEventListener("hashchange", () => {
    const found = askOfLink();
    if (!found) return;
    form.write(found);
    showCode();
  });
}
