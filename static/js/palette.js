// The command palette (Ctrl/⌘-K): pages and things of the organization, asked of one JSON endpoint as one types.

const WAIT_MS = 120;
const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById("palette"));
const field = /** @type {HTMLInputElement | null} */ (document.getElementById("palette-q"));
const list = document.getElementById("palette-list");
/** @type {HTMLElement[]} */
let items = [];
let chosen = 0;
let asked = 0;
let timer = 0;

function openPalette() {
  if (!dialog || !field || dialog.open) return;
  for (const other of document.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (other).close();
  dialog.showModal();
  field.value = "";
  field.focus();
  ask();
}

async function ask() {
  if (!dialog || !field || !list) return;
  const number = ++asked;
  const url = new URL(dialog.dataset.url ?? "", location.href);
  url.searchParams.set("q", field.value.trim());
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const { results } = await answer.json();
    if (number === asked) show(results);
  } catch {
    if (number === asked) say("The gateway does not answer. Reload the page and try again.");
  }
}

/** @param {string} text */
function say(text) {
  const note = document.createElement("li");
  note.className = "palette-item quiet";
  note.textContent = text;
  note.setAttribute("role", "option");
  note.setAttribute("aria-disabled", "true");
  list?.replaceChildren(note);
  items = [];
  field?.removeAttribute("aria-activedescendant");
}

/** @param {{label: string, kind: string, note: string, url: string}[]} results */
function show(results) {
  if (!results.length) return say("Nothing by that name.");
  items = results.map((result, place) => {
    const item = document.createElement("li");
    item.className = "palette-item";
    item.id = `palette-item-${place}`;
    item.dataset.url = result.url;
    item.setAttribute("role", "option");
    for (const [name, text] of [["", result.label], ["palette-note", result.note], ["palette-kind", result.kind]]) {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      item.append(part);
    }
    return item;
  });
  list?.replaceChildren(...items);
  select(0);
}

/** @param {number} place */
function select(place) {
  chosen = Math.min(Math.max(place, 0), items.length - 1);
  for (const [index, item] of items.entries()) item.setAttribute("aria-selected", String(index === chosen));
  const item = items[chosen];
  if (!item) return;
  field?.setAttribute("aria-activedescendant", item.id);
  item.scrollIntoView({ block: "nearest" });
}

/** @param {HTMLElement | undefined} item */
function go(item) {
  const url = item?.dataset.url;
  if (!url) return;
  dialog?.close();
  location.assign(url);
}

document.addEventListener("palette:open", openPalette);

field?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
});

field?.addEventListener("keydown", (event) => {
  const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 });
  const by = steps[event.key];
  if (by !== undefined) {
    event.preventDefault();
    select((chosen + by + items.length) % Math.max(items.length, 1));
  } else if (event.key === "Enter") {
    event.preventDefault();
    go(items[chosen]);
  }
});

list?.addEventListener("click", (event) => {
  const item = /** @type {Element} */ (event.target).closest(".palette-item");
  if (item instanceof HTMLElement) go(item);
});
