"""Charts as PNG, by matplotlib's object interface: no global state, so threads may draw at once."""

import io
import threading
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from analytics.reports.blocks import Chart

# Okabe and Ito (https://jfly.uni-koeln.de/color/), darkened where white paper asks for contrast; as the console's.
PALETTE = ("#0072b2", "#d55e00", "#008a66", "#b8479a", "#a87400", "#3a8fc4", "#6b6b00", "#6e7781")
INK, QUIET, RULE = "#1f2328", "#59636e", "#e4e8ec"
HATCHES = ("", "//", "xx")
WIDTH_IN, HEIGHT_IN, DPI = 6.4, 2.6, 200
_LOCK = threading.Lock()


def png(chart: Chart, zone: str) -> bytes:
    """The chart, 1280 px wide for a place of 640; times are cut in `zone`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # 0.9 s and 35 MB that only a drawn report needs
    from matplotlib.figure import Figure

    with _LOCK:  # matplotlib's font cache is not safe for threads
        height = 0.32 * max(2, len(chart.names)) + 0.7 if chart.kind == "ranking" else HEIGHT_IN
        figure = Figure(figsize=(WIDTH_IN, height), dpi=DPI, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _style(axes)
        _draw(axes, chart, zone)
        target = io.BytesIO()
        figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _style(axes: Any) -> None:
    axes.tick_params(labelsize=8, colors=QUIET, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)


def _draw(axes: Any, chart: Chart, zone: str) -> None:
    if not chart.lines or not any(value for line in chart.lines for value in line.values):
        axes.text(0.5, 0.5, "Nothing was measured in this period.", ha="center", va="center", color=QUIET, fontsize=9,
                  transform=axes.transAxes)  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.set_axisbelow(True)
    if chart.kind == "ranking":
        _bars(axes, chart)
        return
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_ylabel(chart.unit, fontsize=8, color=QUIET)
    places = list(range(len(chart.times)))
    if chart.kind == "bar":
        bottom = [0.0] * len(places)
        for number, line in enumerate(chart.lines):
            values = [value or 0.0 for value in line.values]
            axes.bar(places, values, bottom=bottom, width=0.8, color=_color(number), label=_short(line.name),
                     hatch=_hatch(number), edgecolor="white", linewidth=0.4)  # fmt: skip
            bottom = [low + value for low, value in zip(bottom, values, strict=True)]
    else:
        for number, line in enumerate(chart.lines):
            values = [float("nan") if value is None else value for value in line.values]
            axes.plot(places, values, color=_color(number), label=_short(line.name), linewidth=1.6,
                      linestyle=("-", "--", ":")[number // len(PALETTE) % 3], marker="o", markersize=2.5)  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    _times(axes, chart, zone)
    if len(chart.lines) > 1:
        axes.figure.legend(loc="outside upper left", ncols=3, fontsize=7.5, frameon=False, labelcolor=INK,
                           handlelength=1.2)  # fmt: skip


def _bars(axes: Any, chart: Chart) -> None:
    values = [value or 0.0 for value in chart.lines[0].values]
    places = list(range(len(values)))
    axes.barh(places, values, height=0.62, color=PALETTE[0])
    axes.set_yticks(places, [_short(name) for name in chart.names])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.invert_yaxis()
    axes.set_xlabel(chart.unit, fontsize=8, color=QUIET)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_xlim(left=0)


def _times(axes: Any, chart: Chart, zone: str) -> None:
    where = ZoneInfo(zone)
    local = [time.astimezone(where) for time in chart.times]
    pattern = "%d %b" if len({(time.hour, time.minute) for time in local}) <= 2 else "%d %b %H:%M"
    step = max(1, -(-len(local) // 8))
    axes.set_xticks(list(range(0, len(local), step)), [time.strftime(pattern) for time in local[::step]])


def _color(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def _hatch(number: int) -> str:
    return HATCHES[number // len(PALETTE) % len(HATCHES)]


def _short(name: str) -> str:
    """A dollar sign would begin a formula, an underscore hides an entry of the legend."""
    cut = name if len(name) <= 30 else f"{name[:29]}…"
    return cut.replace("$", "\\$").lstrip("_") or "–"


def charts_of(parts: Sequence[Any]) -> list[Chart]:
    """Every chart of a drawn report, in order."""
    return [block for part in parts for block in part.blocks if isinstance(block, Chart)]
