// The console's shortcuts, once: what each key does and what the help (?) says of it. They are silent while somebody
// types, and can be switched off (WCAG 2.1.4): data-shortcuts="off" on <body>. Ctrl/⌘-K opens the palette always.
// The palette (palette.js) and the rows (rows.js) answer the events "palette:open", "rows:step",
// "rows:open" and "rows:select".

/**
 * @param {string} name
 * @param {number} [detail]
 */
function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

const THEMES = ["auto", "light", "dark"];

function search() {
  const field = document.querySelector("[data-search], #searchbar, input[type=search]:not([data-palette])");
  if (field instanceof HTMLInputElement) field.select();
  else tell("palette:open");
}

function nextTheme() {
  const now = THEMES.indexOf(document.documentElement.dataset.theme ?? "auto");
  const next = document.querySelector(`[data-theme-choice=${THEMES[(now + 1) % THEMES.length]}]`);
  if (next instanceof HTMLElement) next.click();
}

function help() {
  const dialog = document.getElementById("keys-help");
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

/** @param {string} by */
function period(by) {
  const link = document.querySelector(`[data-period="${by}"]`);
  if (link instanceof HTMLElement) link.click();
}

/** @type {{keys: string[], shown: string, label: string, run: () => void, inDrawer?: boolean}[]} */
const SHORTCUTS = [
  { keys: ["/"], shown: "/", label: "Search on this page", run: search },
  { keys: ["j"], shown: "j", label: "Next row", run: () => tell("rows:step", 1), inDrawer: true },
  { keys: ["k"], shown: "k", label: "Row before", run: () => tell("rows:step", -1), inDrawer: true },
  { keys: ["o"], shown: "o or Enter", label: "Open the row", run: () => tell("rows:open") },
  { keys: ["x"], shown: "x", label: "Select the row; in a filter: leave the value out", run: () => tell("rows:select") },
  { keys: ["["], shown: "[", label: "Period before", run: () => period("-1") },
  { keys: ["]"], shown: "]", label: "Period after", run: () => period("1") },
  { keys: ["t"], shown: "t", label: "Next theme: system, light, dark", run: nextTheme },
  { keys: ["?"], shown: "?", label: "This help", run: help },
];

/** @param {Element | null} element */
function types(element) {
  return element !== null && element.matches("input, textarea, select, [contenteditable]");
}

function isOn() {
  return document.body.dataset.shortcuts !== "off";
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    tell("palette:open");
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !isOn() || types(document.activeElement)) return;
  const found = SHORTCUTS.find((one) => one.keys.includes(event.key));
  const modal = document.querySelector("dialog[open]");
  if (!found || (modal && !(found.inDrawer && modal.id === "peek"))) return;
  event.preventDefault();
  found.run();
});

/**
 * @param {string} shown
 * @param {string} label
 */
function entry(shown, label) {
  const [row, name, key] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  const cap = document.createElement("kbd");
  cap.textContent = shown;
  name.textContent = label;
  key.append(cap);
  row.append(name, key);
  return row;
}

const list = document.getElementById("keys-list");
list?.append(entry("Ctrl or ⌘ K", "Go to a page or a thing"), ...SHORTCUTS.map((one) => entry(one.shown, one.label)));

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  if (target.closest("[data-keys-help]")) help();
  if (target.closest("[data-palette-open]")) tell("palette:open");
  const dialog = target.closest("dialog.palette");
  if (dialog instanceof HTMLDialogElement && (target === dialog || target.closest("[data-close]"))) dialog.close();
});

document.addEventListener("change", (event) => {
  const box = /** @type {Element} */ (event.target);
  if (!(box instanceof HTMLInputElement) || !box.matches("[data-shortcuts-switch]")) return;
  document.body.dataset.shortcuts = box.checked ? "on" : "off";
});
