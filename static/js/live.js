// Live parts of a page: elements with data-live="seconds" get a "live" event while the tab is visible and not paused.
// htmx answers it (hx-trigger="live"); an ETag makes an idle tab cost one indexed read and a 304.

const SLOWEST_S = 120;
/** @type {WeakMap<Element, {due: number, failures: number}>} */
const plans = new WeakMap();
/** @type {Map<string, string>} */
const tags = new Map();

/** @param {HTMLElement} element */
function isPaused(element) {
  return element.closest("[data-paused]") !== null || element.matches(":has(details[open], :popover-open)");
}

function tick() {
  if (document.visibilityState !== "visible") return;
  const now = Date.now();
  for (const found of document.querySelectorAll("[data-live]")) {
    const element = /** @type {HTMLElement} */ (found);
    const every = Number(element.dataset.live) * 1000;
    const plan = plans.get(element) ?? { due: now + every, failures: 0 };
    plans.set(element, plan);
    if (now < plan.due || isPaused(element)) continue;
    plan.due = now + Math.min(every * 2 ** plan.failures, SLOWEST_S * 1000);
    element.dispatchEvent(new CustomEvent("live"));
  }
}

document.addEventListener("htmx:configRequest", (event) => {
  const { path, headers, verb } = /** @type {CustomEvent} */ (event).detail;
  const tag = tags.get(path);
  if (verb === "get" && tag) headers["If-None-Match"] = tag;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr, elt, pathInfo } = /** @type {CustomEvent} */ (event).detail;
  const tag = xhr?.getResponseHeader?.("ETag");
  if (tag && pathInfo) tags.set(pathInfo.requestPath, tag);
  const plan = plans.get(elt);
  if (plan) plan.failures = xhr && xhr.status >= 200 && xhr.status < 400 ? 0 : plan.failures + 1;
});

for (const element of document.querySelectorAll("[data-etag][hx-get]")) {
  tags.set(element.getAttribute("hx-get") ?? "", element.getAttribute("data-etag") ?? "");
}

document.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-pause]");
  if (!button) return;
  const target = document.getElementById(button.getAttribute("data-pause") ?? "");
  if (!target) return;
  const paused = target.toggleAttribute("data-paused");
  button.setAttribute("aria-pressed", String(paused));
});

setInterval(tick, 500);
