// Draws ReDoc in the console's theme: as the system, light or dark (theme.js, in <head>), anew when that changes.

const DARK = {
  colors: {
    primary: { main: "#a5b4fc" },
    text: { primary: "#e6e8ee", secondary: "#a7adbb" },
    border: { dark: "#3a4150", light: "#2a303c" },
    success: { main: "#4ade80" },
    error: { main: "#f87171" },
    responses: {
      success: { color: "#4ade80", backgroundColor: "#14291d", tabTextColor: "#4ade80" },
      error: { color: "#fca5a5", backgroundColor: "#321a1c", tabTextColor: "#fca5a5" },
    },
  },
  schema: { nestedBackground: "#1a1f29", typeNameColor: "#a7adbb", typeTitleColor: "#a7adbb", requireLabelColor: "#fca5a5" },
  sidebar: { backgroundColor: "#12151c", textColor: "#e6e8ee", activeTextColor: "#a5b4fc" },
  rightPanel: { backgroundColor: "#0b0d12", textColor: "#e6e8ee" },
  codeBlock: { backgroundColor: "#12151c" },
  typography: { code: { color: "#fca5a5", backgroundColor: "#1f2531" }, links: { color: "#a5b4fc", visited: "#a5b4fc", hover: "#c7d2fe" } },
};
const system = matchMedia("(prefers-color-scheme: dark)");
const place = document.getElementById("redoc");

function isDark() {
  const theme = document.documentElement.dataset.theme ?? "auto";
  return theme === "dark" || (theme === "auto" && system.matches);
}

let drawn = null;

function draw() {
  const dark = isDark();
  if (!place || drawn === dark) return;
  drawn = dark;
  document.documentElement.classList.toggle("dark-mode", dark);
  /** @type {any} */ (window).Redoc.init(place.dataset.url, dark ? { theme: DARK } : {}, place);
}

draw();
document.addEventListener("themechange", draw);
