// Behaviour of the components in docs/console-components.md: tabs inside a page, drawers. Copy buttons are in page.js.

// A row of fields that a form can do without.
document.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-row-remove]");
  button?.closest("[data-row]")?.remove();
});

// A list of tick boxes that is searched as one types; without scripts it is a plain list.
/** @param {ParentNode} part */
function offerFilters(part) {
  for (const input of part.querySelectorAll("[data-filter-input][hidden]")) input.removeAttribute("hidden");
}

document.addEventListener("DOMContentLoaded", () => offerFilters(document));
document.addEventListener("htmx:load", (event) => offerFilters(/** @type {Element} */ (event.target)));
document.addEventListener("input", (event) => {
  const input = /** @type {Element} */ (event.target).closest("[data-filter-input]");
  if (!(input instanceof HTMLInputElement)) return;
  const wanted = input.value.trim().toLowerCase();
  for (const group of input.closest("[data-filtered]")?.querySelectorAll("[data-filter-group]") ?? []) {
    const labels = [...group.querySelectorAll("label")];
    for (const label of labels) label.hidden = !(label.textContent ?? "").toLowerCase().includes(wanted);
    group.toggleAttribute("hidden", labels.every((label) => label.hidden));
  }
});
document.addEventListener("keydown", (event) => {
  const input = /** @type {Element} */ (event.target).closest?.("[data-filter-input]");
  if (input && event.key === "Enter") event.preventDefault(); // it finds, it does not send the form
});

/** @param {Element} tab */
function select(tab) {
  const list = tab.closest("[role=tablist]");
  for (const other of list?.querySelectorAll("[role=tab]") ?? []) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.setAttribute("tabindex", chosen ? "0" : "-1");
    document.getElementById(other.getAttribute("aria-controls") ?? "")?.toggleAttribute("hidden", !chosen);
  }
}

document.addEventListener("click", (event) => {
  const tab = /** @type {Element} */ (event.target).closest("[data-switch] [role=tab]");
  if (tab) select(tab);
});

document.addEventListener("keydown", (event) => {
  const tab = /** @type {Element} */ (event.target).closest?.("[data-switch] [role=tab]");
  if (!tab) return;
  const tabs = [...(tab.closest("[role=tablist]")?.querySelectorAll("[role=tab]") ?? [])];
  const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.indexOf(tab), End: tabs.length - 1 - tabs.indexOf(tab) };
  const step = /** @type {Record<string, number>} */ (steps)[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const next = /** @type {HTMLElement} */ (tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length]);
  select(next);
  next.focus();
});

// A click with a modifier on a link that fills a drawer opens the link's own page; htmx must not see it.
document.addEventListener(
  "click",
  (event) => {
    const opener = /** @type {Element} */ (event.target).closest("[data-drawer]");
    if (opener && (event.metaKey || event.ctrlKey || event.shiftKey)) event.stopPropagation();
  },
  true,
);

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const opener = target.closest("[data-drawer]");
  const drawer = document.getElementById(opener?.getAttribute("data-drawer") ?? "");
  if (opener && drawer instanceof HTMLDialogElement) {
    event.preventDefault();
    if (!drawer.open) drawer.showModal();
  }
  const open = target.closest("dialog.drawer");
  const outside = target === open; // the backdrop belongs to the dialog itself
  if (open instanceof HTMLDialogElement && (outside || target.closest("[data-drawer-close]"))) open.close();
});
