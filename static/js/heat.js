// The heat map as one stop of the keyboard: arrows, Home and End walk its cells, Enter opens what is behind one.

const STEPS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -99], End: [0, 99],
});

for (const table of document.querySelectorAll("[data-heat]")) {
  const grid = [...table.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("a")));
  const links = grid.flat().filter((link) => link !== null);
  for (const link of links.slice(1)) link.tabIndex = -1;

  table.addEventListener("keydown", (event) => {
    const { key, target } = /** @type {KeyboardEvent} */ (event);
    const step = STEPS[key];
    const place = grid.map((row) => row.indexOf(/** @type {HTMLAnchorElement} */ (target)));
    const day = place.findIndex((hour) => hour >= 0);
    if (!step || day < 0) return;
    event.preventDefault();
    const row = grid[Math.min(Math.max(day + step[0], 0), grid.length - 1)];
    const hour = Math.min(Math.max(place[day] + step[1], 0), row.length - 1);
    const next = row[hour] ?? (step[1] < 0 ? row.find(Boolean) : row.findLast(Boolean));
    if (!next) return;
    for (const link of links) link.tabIndex = link === next ? 0 : -1;
    next.focus();
  });
}
