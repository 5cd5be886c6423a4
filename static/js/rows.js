// Rows of a list by keyboard, and the drawer that shows one: j and k walk, in the drawer too; the open row is in the URL.

/** @returns {HTMLElement[]} */
function links() {
  return [...document.querySelectorAll("main a.row-link")].filter((link) => link instanceof HTMLElement);
}

/** @returns {HTMLDialogElement | null} */
function drawer() {
  const found = document.getElementById("peek");
  return found instanceof HTMLDialogElement ? found : null;
}

/** @returns {string | null} */
function shown() {
  return new URL(location.href).searchParams.get("peek");
}

/** @param {number} by */
function step(by) {
  const all = links();
  const open = drawer()?.open ? all.findIndex((link) => link.dataset.peek === shown()) : -1;
  const now = open >= 0 ? open : all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const next = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + by, 0), all.length - 1)];
  if (!next) return;
  if (open >= 0) next.click();
  else next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function openRow() {
  const link = document.activeElement;
  if (link instanceof HTMLElement && link.matches("a.row-link")) link.click();
}

document.addEventListener("rows:step", (event) => step(/** @type {CustomEvent} */ (event).detail));
document.addEventListener("rows:open", openRow);

/** The rows that are selected, and the bar that says how many. */
function selected() {
  return links().filter((link) => link.closest("tr")?.hasAttribute("data-selected"));
}

function selectRow() {
  const at = document.activeElement;
  const drop = at?.closest(".facet li")?.querySelector(".facet-drop");
  if (drop instanceof HTMLElement) return drop.click();
  const bar = document.getElementById("selection");
  if (!bar || !(at instanceof HTMLElement) || !at.matches("main a.row-link[data-peek]")) return;
  const is = at.closest("tr")?.toggleAttribute("data-selected");
  if (is) at.setAttribute("aria-description", "selected");
  else at.removeAttribute("aria-description");
  say(bar);
}

/** @param {HTMLElement} bar */
function say(bar) {
  const ids = selected().map((link) => link.dataset.peek ?? "");
  bar.hidden = !ids.length;
  const count = bar.querySelector("[data-count]");
  if (count) count.textContent = `${ids.length} selected`;
  const copy = bar.querySelector("[data-copy]");
  if (copy instanceof HTMLElement) copy.dataset.copy = ids.join("\n");
}

document.addEventListener("rows:select", selectRow);

document.addEventListener("click", (event) => {
  const clear = /** @type {Element} */ (event.target).closest("[data-unselect]");
  const bar = document.getElementById("selection");
  if (!clear || !bar) return;
  for (const link of selected()) {
    link.closest("tr")?.removeAttribute("data-selected");
    link.removeAttribute("aria-description");
  }
  say(bar);
});

/** @param {string | null} id */
function remember(id) {
  const url = new URL(location.href);
  if (id) url.searchParams.set("peek", id);
  else url.searchParams.delete("peek");
  history.replaceState(history.state, "", url);
}

document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest("[data-peek]");
  if (!(link instanceof HTMLElement) || event.metaKey || event.ctrlKey || event.shiftKey) return;
  remember(link.dataset.peek ?? null);
});

drawer()?.addEventListener("close", () => {
  const link = links().find((each) => each.dataset.peek === shown());
  remember(null);
  link?.focus();
});

/** A link to the list with an open row opens it again. */
function reopen() {
  const id = shown();
  const link = id === null ? undefined : links().find((each) => each.dataset.peek === id);
  link?.click();
}

document.addEventListener("htmx:load", reopen, { once: true });

document.addEventListener("htmx:responseError", (event) => {
  const { target } = /** @type {CustomEvent} */ (event).detail;
  if (target?.id !== "peek-body") return;
  target.textContent = "The request could not be read. Close this and try again.";
});
