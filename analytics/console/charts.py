"""Plotly figures as plain dictionaries: bars, lines, ribbons over time. No query, no Django.

Colours are names of CSS properties (`trace.meta.color`); `static/js/charts.js` resolves them per theme. `drill` tells
it where a click on a point leads: `url` with the bucket's `start` and `end`, and `by` = the trace's `meta.value`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.console import colors

Figure = dict[str, Any]
LONGEST_NAME = 32
FEW_BUCKETS = 10
MANY_BUCKETS = 40
DASHES = ("solid", "dash", "dot")
BEFORE_COLOR = "--text-3"
BAND_SHARE = 0.16
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Series:
    """One trace: `values[i]` (None is a gap) and `texts[i]`, the same in words, belong to bucket i. `key` is the
    value of the dimension that a click filters by, None when there is none."""

    name: str
    slot: int
    values: Sequence[float | None]
    texts: Sequence[str]
    key: str | None = None


@dataclass(frozen=True)
class Plot:
    """What traces stand on. `places`: starts of buckets on the wall clock; `marks`: (bucket, number, text) of changes;
    `axis`: ticks of the value axis; `drill`: see the module."""

    places: Sequence[str]
    grain: str
    axis: dict[str, Any]
    marks: Sequence[tuple[int, int, str]] = ()
    drill: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Band:
    """An interval: bounds of every bucket, None where there is none."""

    name: str
    lower: Sequence[float | None]
    upper: Sequence[float | None]


def stacked(plot: Plot, series: Sequence[Series]) -> Figure:
    """Bars per bucket, stacked, zero-based."""
    layout = _layout(plot) | {"barmode": "stack", "bargap": 0.28 if len(plot.places) < MANY_BUCKETS else 0.12}
    return {"data": [_bar(plot, each) for each in series], "layout": layout, "drill": plot.drill}


def lines(plot: Plot, series: Sequence[Series], before: Series | None = None) -> Figure:
    """One line per series, zero-based; `before` is the window compared with, bucket by bucket."""
    traces = [_line(plot, each) for each in series]
    if before is not None:
        traces.append(_line(plot, before, color=BEFORE_COLOR, dash="dot"))
    return {"data": traces, "layout": _layout(plot), "drill": plot.drill}


def ribbon(plot: Plot, series: Sequence[Series], before: Series | None = None) -> Figure:
    """Lines from the lowest to the highest with the room between them filled, each band lighter than the one below."""
    slot = series[0].slot if series else 0
    traces = []
    for place, each in enumerate(series):
        trace = _line(plot, each, color=colors.color(slot), dash=DASHES[place % len(DASHES)])
        if place:
            trace["fill"] = "tonexty"
            trace["meta"]["fill"] = 0.22 / place
        traces.append(trace)
    if before is not None:
        traces.append(_line(plot, before, color=BEFORE_COLOR, dash="dot"))
    return {"data": traces, "layout": _layout(plot), "drill": plot.drill}


def forecast(plot: Plot, past: Series, mean: Series, bands: Sequence[Band], earlier: Series | None = None) -> Figure:
    """What was, as a line; what is expected, dashed, within its intervals from the widest to the narrowest; `earlier`:
    what had been expected."""
    color = colors.color(1)
    traces = [trace for band in bands for trace in _band(plot, band, color)]
    traces.append(_line(plot, past, color=colors.color(0)))
    traces.append(_line(plot, mean, color=color, dash="dash"))
    if earlier is not None:
        traces.append(_line(plot, earlier, color=BEFORE_COLOR, dash="dot"))
    return {"data": traces, "layout": _layout(plot), "drill": plot.drill}


def with_expected(figure: Figure, plot: Plot, mean: Series, bands: Sequence[Band]) -> Figure:
    """A figure of what was, and beyond it what is expected, dashed within its intervals, at the places of `plot`."""
    traces = [trace for band in bands for trace in _band(plot, band, BEFORE_COLOR)]
    line = _line(plot, mean, color=BEFORE_COLOR, dash="dash")
    return {**figure, "data": [*figure["data"], *traces, line]}


def _band(plot: Plot, band: Band, color: str) -> list[Figure]:
    common = {"type": "scatter", "mode": "lines", "x": list(plot.places), "line": {"width": 0}, "hoverinfo": "skip"}
    lower = common | {"name": f"{band.name} from", "y": list(band.lower), "meta": {"color": color, "value": None}}
    upper = common | {"name": f"{band.name} to", "y": list(band.upper), "fill": "tonexty",
                      "meta": {"color": color, "value": None, "fill": BAND_SHARE}}  # fmt: skip
    return [lower, upper]


def _bar(plot: Plot, series: Series) -> Figure:
    return _trace(plot, series, "bar", colors.color(series.slot)) | {
        "marker": {
            "pattern": {"shape": colors.pattern(series.slot), "size": 5, "solidity": 0.35}, "line": {"width": 0},
        },
    }  # fmt: skip


def _line(plot: Plot, series: Series, *, color: str = "", dash: str = "") -> Figure:
    alone = sum(value is not None for value in series.values) == 1  # a line needs two points to be seen
    return _trace(plot, series, "scatter", color or colors.color(series.slot)) | {
        "mode": "lines+markers" if alone else "lines",
        "line": {"width": 2, "dash": dash or colors.dash(series.slot)},
        "marker": {"size": 6},
    }


def _trace(plot: Plot, series: Series, kind: str, color: str) -> Figure:
    name = series.name
    return {
        "type": kind,
        "name": name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…",
        "x": list(plot.places),
        "y": list(series.values),
        "customdata": list(series.texts),
        "hovertemplate": "%{customdata}",
        "meta": {"color": color, "value": series.key},
    }


def _layout(plot: Plot) -> Figure:
    by_clock = plot.grain in ("hour", "quarter_hour")
    few = len(plot.places) <= FEW_BUCKETS and plot.grain == "day"
    return {
        "showlegend": False,
        "hovermode": "x unified",
        "margin": {"l": 8, "r": 8, "t": 20 if plot.marks else 8, "b": 8},
        "xaxis": {
            "type": "date",
            "automargin": True,
            "showgrid": False,
            "fixedrange": True,
            "tickangle": 0,
            "hoverformat": "%a %-d %b, %H:%M" if by_clock else "%B %Y" if plot.grain == "month" else "%a %-d %b %Y",
            "tickformat": "%H:%M\n%-d %b" if by_clock else "%b %Y" if plot.grain == "month" else "%-d %b",
            "dtick": DAY_MS if few else None,
            "nticks": 10,
        },
        "yaxis": {
            "rangemode": "tozero", "automargin": True, "fixedrange": True, "nticks": 5, "zeroline": True, **plot.axis,
        },
        "shapes": [_mark_line(plot.places[bucket]) for bucket, _, _ in plot.marks],
        "annotations": [_mark_number(plot.places[bucket], number, text) for bucket, number, text in plot.marks],
    }  # fmt: skip


def _mark_line(place: str) -> Figure:
    line = {"width": 1, "dash": "dot"}
    return {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "yref": "paper", "layer": "below", "line": line}


def _mark_number(place: str, number: int, text: str) -> Figure:
    """The number above the line; pointing at it shows the text, a line for each change."""
    return {
        "x": place, "y": 1, "yref": "paper", "yanchor": "bottom", "text": str(number), "showarrow": False,
        "hovertext": "<br>".join(plain(part) for part in text.split("; ")),
    }  # fmt: skip


def plain(text: str) -> str:
    """Text that plotly.js takes for no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
