"""Plotly figures as plain dictionaries, and the sentence and table that say the same. No query, no Django.

Colours are names of CSS properties (`trace.meta.color`); `static/js/charts.js` resolves them per theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from analytics.console import colors
from analytics.console.format import local, money, money_axis, percent

Figure = dict[str, Any]
PARTIAL = {
    (False, False): "",
    (True, False): " The first {unit} is not complete.",
    (False, True): " The last {unit} is not complete.",
    (True, True): " The first and the last {unit} are not complete.",
}


@dataclass(frozen=True)
class StackedCosts:
    """Cost per bucket and model: `costs[model][i]` belongs to `times[i]` (bucket starts); models dearest first.
    `partial_ends`: whether the first and the last bucket are cut by the window or by the present."""

    times: Sequence[datetime]
    costs: dict[str, Sequence[Decimal]]
    slots: dict[str, int]
    granularity: str
    zone: str
    currency: str
    partial_ends: tuple[bool, bool] = (False, False)

    @cached_property
    def totals(self) -> dict[str, Decimal]:
        return {model: sum(values, Decimal(0)) for model, values in self.costs.items()}

    @cached_property
    def bucket_totals(self) -> list[Decimal]:
        return [sum((values[i] for values in self.costs.values()), Decimal(0)) for i in range(len(self.times))]

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """Every cost in words, by model."""
        return {model: [money(value, self.currency) for value in values] for model, values in self.costs.items()}

    @cached_property
    def places(self) -> list[str]:
        """Where each bucket stands on the time axis: its start in the zone, without the offset."""
        return [local(at, self.zone).strftime("%Y-%m-%dT%H:%M") for at in self.times]


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One row of the table behind a chart."""

    label: str
    values: tuple[str, ...]
    total: str


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A name with the CSS property of its colour and the number of its pattern (0: plain)."""

    name: str
    color: str
    pattern: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What a page needs to show one chart: figure, sentence, legend, table."""

    id: str
    title: str
    summary: str
    figure: Figure
    legend: tuple[LegendEntry, ...]
    columns: tuple[str, ...]
    rows: tuple[ChartRow, ...]

    @property
    def figure_id(self) -> str:
        return f"fig-{self.id}"


def cost_by_model(data: StackedCosts) -> Chart:
    """Bars per bucket, stacked by model, zero-based."""
    unit = "hour" if data.granularity == "hour" else "day"
    return Chart(
        id="cost-by-model",
        title=f"Cost by {unit} and model",
        summary=_summary(data, unit),
        figure={"data": [_trace(data, model) for model in data.costs], "layout": _layout(data)},
        legend=tuple(_legend_entry(name, data.slots[name]) for name in data.costs),
        columns=tuple(data.costs),
        rows=tuple(_rows(data)),
    )


def _legend_entry(name: str, slot: int) -> LegendEntry:
    return LegendEntry(name, colors.color(slot), 0 if slot < 0 else slot // colors.COLORS % len(colors.PATTERNS))


def _trace(data: StackedCosts, model: str) -> Figure:
    slot = data.slots[model]
    return {
        "type": "bar",
        "name": model if len(model) <= 32 else f"{model[:31]}…",
        "x": data.places,
        "y": [round(float(value), 10) for value in data.costs[model]],
        "customdata": data.texts[model],
        "hovertemplate": "%{customdata}",
        "marker": {"pattern": {"shape": colors.pattern(slot), "size": 5, "solidity": 0.35}, "line": {"width": 0}},
        "meta": {"color": colors.color(slot)},
    }


def _layout(data: StackedCosts) -> Figure:
    step = 3_600_000 if data.granularity == "hour" else 86_400_000
    return {
        "barmode": "stack",
        "bargap": 0.28 if len(data.times) < 40 else 0.12,
        "showlegend": False,
        "hovermode": "x unified",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "xaxis": {
            "type": "date",
            "automargin": True,
            "showgrid": False,
            "fixedrange": True,
            "tickangle": 0,
            "hoverformat": "%a %-d %b, %H:%M" if data.granularity == "hour" else "%a %-d %b %Y",
            "tickformat": "%H:%M\n%-d %b" if data.granularity == "hour" else "%-d %b",
            "dtick": step if len(data.times) <= 10 and data.granularity == "day" else None,
            "nticks": 10,
        },
        "yaxis": {
            "rangemode": "tozero",
            "automargin": True,
            "fixedrange": True,
            "nticks": 5,
            "zeroline": True,
            **money_axis(max(data.bucket_totals, default=Decimal(0)), data.currency),
        },
    }


def _summary(data: StackedCosts, unit: str) -> str:
    totals = data.totals
    total = sum(totals.values(), Decimal(0))
    if not total:
        return "No cost in this period."
    named = {model: value for model, value in totals.items() if model != colors.OTHER} or totals
    dearest = max(named, key=lambda model: named[model])
    buckets = data.bucket_totals
    peak = max(range(len(buckets)), key=buckets.__getitem__)
    at = local(data.times[peak], data.zone)
    when = f"{at:%-d %b, %H:%M}" if unit == "hour" else f"{at:%A, %-d %B}"
    partial = PARTIAL[data.partial_ends].format(unit=unit)
    return (
        f"{money(total, data.currency)} in total; {dearest} is the dearest model with "
        f"{percent(named[dearest] / total)} of it; the dearest {unit} was {when} "
        f"with {money(buckets[peak], data.currency)}.{partial}"
    )


def _rows(data: StackedCosts) -> list[ChartRow]:
    form = "%-d %b %Y, %H:%M" if data.granularity == "hour" else "%a %-d %b %Y"
    labels = [local(at, data.zone).strftime(form) for at in data.times]
    totals = [money(total, data.currency) for total in data.bucket_totals]
    lines = zip(*data.texts.values(), strict=True) if data.texts else [()] * len(labels)
    return [ChartRow(*row) for row in zip(labels, lines, totals, strict=True)]
