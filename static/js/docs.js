// After theme.js in <head>: Swagger UI is dark where the console is.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function follow() {
    const theme = root.dataset.theme ?? "auto";
    root.classList.toggle("dark-mode", theme === "dark" || (theme === "auto" && system.matches));
  }

  follow();
  document.addEventListener("themechange", follow);
})();
