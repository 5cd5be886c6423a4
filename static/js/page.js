// Small behaviours that need no framework: copy buttons, menus that close, filters that apply themselves.

document.addEventListener("click", async (event) => {
  const target = /** @type {Element} */ (event.target);
  const button = target.closest("[data-copy], [data-copy-from], [data-copy-block]");
  if (button instanceof HTMLElement) await copy(button);
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(target)) menu.removeAttribute("open");
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  }
});

document.addEventListener("change", (event) => {
  const field = /** @type {Element} */ (event.target);
  const form = field.closest("form[data-auto]");
  if (form instanceof HTMLFormElement && field instanceof HTMLSelectElement) form.requestSubmit();
});

// A long navigation begins where its marked entry is seen.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest" });

// What a stop of the tour speaks of is marked, and seen beside it.
const tour = document.querySelector(".tour[data-look-at]");
const spoken = tour instanceof HTMLElement && document.querySelector(tour.dataset.lookAt ?? "");
if (spoken) {
  spoken.classList.add("toured");
  spoken.scrollIntoView({ block: "center" });
}

// A password can be looked at while it is typed; it leaves as a password, so that browsers do not remember it as a text.
for (const field of document.querySelectorAll('input[type="password"]')) {
  if (field instanceof HTMLInputElement) offerToShow(field);
}

// An empty field is no filter: it stays out of the URL.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-auto], [data-tidy]")) return;
  for (const field of form.elements) {
    if ((field instanceof HTMLInputElement || field instanceof HTMLSelectElement) && field.value === "") field.disabled = true;
  }
});
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form:is([data-auto], [data-tidy]) :disabled")) field.removeAttribute("disabled");
});

/** @param {HTMLInputElement} field */
function offerToShow(field) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-quiet btn-small show-typed";
  button.setAttribute("aria-controls", field.id);
  /** @param {boolean} isShown */
  const show = (isShown) => {
    field.type = isShown ? "text" : "password";
    button.textContent = isShown ? "Hide what I type" : "Show what I type";
  };
  button.addEventListener("click", () => show(field.type === "password"));
  field.form?.addEventListener("submit", () => show(false));
  show(false);
  field.after(button);
}

/**
 * What a copy button copies: its own words, the element it names, or the code block it stands in.
 * @param {HTMLElement} button
 */
function textOf(button) {
  if ("copyBlock" in button.dataset) return button.closest(".code")?.querySelector("pre")?.textContent;
  return button.dataset.copyFrom ? document.getElementById(button.dataset.copyFrom)?.textContent : button.dataset.copy;
}

/** @param {HTMLElement} button */
async function copy(button) {
  const source = textOf(button);
  try {
    await navigator.clipboard.writeText((source ?? "").trim());
  } catch {
    fallback((source ?? "").trim());
  }
  button.dataset.done = "";
  const label = button.getAttribute("aria-label") ?? "";
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    delete button.dataset.done;
    button.setAttribute("aria-label", label);
  }, 1500);
}

/**
 * Plain-HTTP pages have no clipboard API.
 * @param {string} text
 */
function fallback(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
