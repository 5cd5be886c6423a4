// Blocking and first in <head>: sets the theme before anything is painted. The server's value wins for signed-in people.
(() => {
  const root = document.documentElement;
  const KEY = "theme";
  const THEMES = ["auto", "light", "dark"];

  /** @returns {string | null} */
  function stored() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage may be forbidden; the page then follows the system
    }
  }

  /** @param {string} theme */
  function store(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // nothing is lost: signed-in people's choice is kept by the server
    }
  }

  /** @param {string} theme */
  function apply(theme) {
    root.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.themeChoice === theme));
    }
    document.dispatchEvent(new CustomEvent("themechange"));
  }

  const known = stored();
  if ("themeSaved" in root.dataset) store(root.dataset.theme ?? "auto");
  else if (known && THEMES.includes(known)) root.dataset.theme = known;

  document.addEventListener("DOMContentLoaded", () => apply(root.dataset.theme ?? "auto"));
  document.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest?.("[data-theme-choice]");
    if (!(button instanceof HTMLElement)) return;
    const theme = button.dataset.themeChoice ?? "auto";
    store(theme);
    apply(theme);
    const group = button.closest("[hx-post]");
    if (group && "htmx" in window) {
      /** @type {any} */ (window).htmx.ajax("POST", group.getAttribute("hx-post"), { source: group, swap: "none", values: { theme } });
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("themechange"));
  });
})();
