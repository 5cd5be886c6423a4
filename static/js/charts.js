// Draws the figures that the server built: <div data-chart="id"> + <script type="application/json" id="fig-id">.
// Colours in a figure are names of CSS properties, so that a theme change only redraws. A click on a point opens the
// requests behind it: figure.drill says where.

const CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, doubleClick: false, showTips: false };
const NARROW_PX = 520;
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

/**
 * The computed colour of a custom property; light-dark() is resolved only on a real property.
 * @param {string} name
 * @param {number} [share] of the colour, the rest is transparent
 * @returns {string}
 */
function css(name, share = 1) {
  probe.style.color = share < 1 ? `color-mix(in srgb, var(${name}) ${share * 100}%, transparent)` : `var(${name})`;
  const color = getComputedStyle(probe).color;
  const parts = /^color\(srgb ([\d.]+) ([\d.]+) ([\d.]+) \/ ([\d.]+)\)$/.exec(color)?.slice(1).map(Number);
  return parts ? `rgba(${parts.slice(0, 3).map((part) => Math.round(part * 255)).join(",")},${parts[3]})` : color;
}

/** @param {any} trace */
function colored(trace) {
  const color = css(trace.meta.color);
  const fill = trace.meta.fill ? { fillcolor: css(trace.meta.color, trace.meta.fill) } : {};
  const line = trace.line ? { line: { ...trace.line, color } } : {};
  return { ...trace, ...line, ...fill, marker: { ...trace.marker, color }, hoverlabel: { namelength: 32 } };
}

/**
 * @param {any} figure
 * @param {boolean} narrow
 */
function themed(figure, narrow) {
  const text = css("--text-2");
  const line = css("--border");
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: css("--border-strong"), tickfont: { color: text, size: 12 } };
  const layout = structuredClone(figure.layout);
  if (narrow) Object.assign(layout.xaxis, { dtick: null, nticks: 4 });
  for (const shape of layout.shapes ?? []) shape.line.color = css("--text-3");
  return {
    data: figure.data.map(colored),
    layout: {
      ...layout,
      paper_bgcolor: "transparent",
      plot_bgcolor: "transparent",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: text },
      hoverlabel: { bgcolor: css("--surface"), bordercolor: css("--border-strong"), font: { color: css("--text"), size: 12 } },
      xaxis: { ...layout.xaxis, ...axis },
      yaxis: { ...layout.yaxis, ...axis },
    },
  };
}

/**
 * The trace under the pointer: hovering is unified, so a click names every trace of the bucket.
 * @param {any} element
 * @param {any[]} points
 * @param {MouseEvent} event
 */
function chosen(element, points, event) {
  const box = element.querySelector(".nsewdrag").getBoundingClientRect();
  const [low, high] = element.layout.yaxis.range;
  const y = high - ((event.clientY - box.top) / box.height) * (high - low);
  const ordered = points.toSorted((a, b) => a.curveNumber - b.curveNumber);
  let top = 0;
  if (ordered[0].data.type === "bar") return ordered.find((point) => (top += point.y) >= y);
  return ordered.reduce((best, point) => (Math.abs(point.y - y) < Math.abs(best.y - y) ? point : best));
}

/**
 * @param {any} element
 * @param {any} drill
 */
function open(element, drill) {
  element.dataset.drill = "";
  element.on("plotly_click", (/** @type {any} */ { points, event }) => {
    const target = new URL(drill.url, location.href);
    const value = drill.by ? chosen(element, points, event)?.data.meta.value : null;
    target.searchParams.set("start", drill.edges[points[0].pointIndex]);
    target.searchParams.set("end", drill.edges[points[0].pointIndex + 1]);
    if (value) target.searchParams.set(drill.by, value);
    location.assign(target);
  });
}

function draw() {
  for (const element of document.querySelectorAll("[data-chart]")) {
    const source = document.getElementById(`fig-${element.getAttribute("data-chart")}`);
    if (!source?.textContent) continue;
    const figure = JSON.parse(source.textContent);
    const { data, layout } = themed(figure, element.clientWidth < NARROW_PX);
    /** @type {any} */ (window).Plotly.react(element, data, layout, CONFIG);
    if (figure.drill?.url && !element.hasAttribute("data-drill")) open(element, figure.drill);
    element.removeAttribute("data-pending");
  }
}

draw();
document.addEventListener("themechange", draw);
