// Draws the figures that the server built: <div data-chart="id"> + <script type="application/json" id="fig-id">.
// Colours in a figure are names of CSS properties, so that a theme change only redraws.

const CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, doubleClick: false, showTips: false };
const NARROW_PX = 520;
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

/**
 * The computed colour of a custom property; light-dark() is resolved only on a real property.
 * @param {string} name
 * @returns {string}
 */
function css(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
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
  return {
    data: figure.data.map((/** @type {any} */ trace) => ({
      ...trace,
      marker: { ...trace.marker, color: css(trace.meta.color) },
      hoverlabel: { namelength: 32 },
    })),
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

function draw() {
  for (const element of document.querySelectorAll("[data-chart]")) {
    const source = document.getElementById(`fig-${element.getAttribute("data-chart")}`);
    if (!source?.textContent) continue;
    const { data, layout } = themed(JSON.parse(source.textContent), element.clientWidth < NARROW_PX);
    /** @type {any} */ (window).Plotly.react(element, data, layout, CONFIG);
    element.removeAttribute("data-pending");
  }
}

draw();
document.addEventListener("themechange", draw);
