"""Anomalies as plain values for templates: one row of the feed, the chart with its band, effects. No query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse

from analytics.anomalies.models import Anomaly
from analytics.anomalies.wording import SHARES, Names, called, value_words
from analytics.console import charts, colors, format
from analytics.console.cards import Card, LegendEntry, Row, Table
from analytics.explain.words import EFFECTS, NAMES

TONES = {"critical": "bad", "high": "bad", "medium": "warn", "low": ""}
STATE_TONES = {"open": "warn", "acknowledged": "accent", "expected": "ok", "false": ""}
STATE_WORDS = {
    "open": "Open", "acknowledged": "Acknowledged", "expected": "Expected", "false": "Not an anomaly",
}  # fmt: skip
HOUR = timedelta(hours=1)
MS_PER_S = 1000
FILTERED = ("team", "project", "api_key", "provider", "model", "model_requested")


@dataclass(frozen=True, slots=True)
class Shown:
    """One anomaly; `url` empty where no page of its own is meant."""

    row: Anomaly
    title: str
    scope: str
    actual: str
    expected: str
    impact: str
    started: datetime
    last: datetime
    hours: int
    cause: str
    tone: str
    state: str
    state_tone: str
    url: str


@dataclass(frozen=True, slots=True)
class Effect:
    """One part of a cost change: `share` of the largest, for its bar."""

    name: str
    amount: str
    share: float
    is_more: bool


def show(row: Anomaly, names: Names, zone: str) -> Shown:
    """`names` of the scope, as `wording.names_of` gives them."""
    scope = (row.dimension, row.value)
    first = row.causes[0] if row.causes else None
    return Shown(
        row=row,
        title=NAMES.get(row.metric, row.metric),
        scope=called(scope, names),
        actual=value_words(row.metric, row.actual, row.currency),
        expected=value_words(row.metric, row.expected, row.currency),
        impact=format.signed_money(row.impact_amount.quantize(Decimal("0.01")), row.currency),
        started=format.local(row.started_at, zone),
        last=format.local(row.last_seen_at + HOUR, zone),
        hours=round((row.last_seen_at - row.started_at) / HOUR) + 1,
        cause="" if first is None else called((first["dimension"], first["value"]), {_key(first): first["name"]}),
        tone=TONES[row.severity],
        state=STATE_WORDS[row.state],
        state_tone=STATE_TONES[row.state],
        url=reverse("admin:anomaly", args=[row.pk]),
    )


def _key(cause: Mapping[str, str]) -> tuple[str, str]:
    return cause["dimension"], cause["value"]


def effects(row: Anomaly) -> list[Effect]:
    """Parts of the cost change, the largest first; without what is nothing."""
    amounts = {name: Decimal(amount) for name, amount in row.effects.items() if name != "change"}
    most = max((abs(amount) for amount in amounts.values()), default=Decimal(0))
    if not most:
        return []
    ordered = sorted(amounts.items(), key=lambda item: -abs(item[1]))
    return [
        Effect(
            EFFECTS[name][:1].upper() + EFFECTS[name][1:],
            format.signed_money(amount, row.currency),
            float(abs(amount) / most), amount > 0,
        )
        for name, amount in ordered if amount
    ]  # fmt: skip


def card(row: Anomaly, names: Names, zone: str) -> Card | None:
    """The series around the incident with what was expected; None where none was kept."""
    kept = row.chart
    if not kept.get("values"):
        return None
    start = datetime.fromisoformat(kept["start"])
    times = [format.local(start + number * HOUR, zone) for number in range(len(kept["values"]))]
    lines = {name: _line(row, name, kept[name]) for name in ("values", "expected", "lower", "upper")}
    title = f"{NAMES.get(row.metric, row.metric)} of {called((row.dimension, row.value), names)}"
    inside = sum(
        value is not None and low is not None and high is not None and low <= value <= high
        for value, low, high in zip(kept["values"], kept["lower"], kept["upper"], strict=True)
    )
    rows = tuple(
        Row(
            f"{at:%a %-d %b, %H:%M}",
            tuple(lines[name].texts[place] for name in lines),
            tuple("" if kept[name][place] is None else str(kept[name][place]) for name in lines),
            at.isoformat(), _hour_url(row, start + place * HOUR),
        )
        for place, at in enumerate(times)
    )  # fmt: skip
    return Card(
        id="series", title=title,
        summary=f"{inside} of {len(times)} hours lie within the expected range; the worst was "
        f"{value_words(row.metric, row.actual, row.currency)} instead of "
        f"{value_words(row.metric, row.expected, row.currency)}.",
        unit="by hour", table=Table(f"Hour ({zone})", ("Actual", "Expected", "From", "To"), rows),
        figure=_figure(row, times, lines, format.local(row.started_at, zone)),
        legend=(
            LegendEntry("Actual", colors.color(0), is_line=True),
            LegendEntry("Expected", charts.BEFORE_COLOR, 2, is_line=True),
            LegendEntry("Expected range", colors.color(1)),
        ),
    )  # fmt: skip


def _line(row: Anomaly, name: str, kept: Sequence[float | None]) -> charts.Series:
    words = {"values": "Actual", "expected": "Expected", "lower": "From", "upper": "To"}
    is_time = row.metric in ("latency_p95", "ttft_p95")
    plotted = [None if value is None else value / MS_PER_S if is_time else value for value in kept]
    texts = [format.DASH if value is None else value_words(row.metric, value, row.currency) for value in kept]
    return charts.Series(words[name], 0 if name == "values" else 1, plotted, texts)


def _figure(
    row: Anomaly, times: Sequence[datetime], lines: Mapping[str, charts.Series], started: datetime
) -> charts.Figure:
    places = [at.strftime("%Y-%m-%dT%H:%M") for at in times]
    marks = (
        [(places.index(mark), 1, "The first hour that was off")]
        if (mark := started.strftime("%Y-%m-%dT%H:%M")) in places
        else []
    )
    plot = charts.Plot(places, "hour", _axis(row, lines), marks)
    band = charts.ribbon(plot, [lines["lower"], lines["upper"]])
    for trace in band["data"]:
        trace["line"] = trace["line"] | {"width": 0}
    expected = replace(lines["expected"], slot=0)
    drawn = charts.lines(plot, [lines["values"]], expected)
    return {**band, "data": [*band["data"], *drawn["data"]]}


def _axis(row: Anomaly, lines: Mapping[str, charts.Series]) -> dict[str, object]:
    tops = [value for line in lines.values() for value in line.values if value is not None]
    if row.metric in SHARES:
        return {"tickformat": ".0%"}
    if row.metric == "cost":
        return dict(format.money_axis(max(tops, default=0), row.currency))
    return {"ticksuffix": " s"} if row.metric in ("latency_p95", "ttft_p95") else {"tickformat": "~s"}


def rows_url(row: Anomaly) -> str:
    """The requests of the anomaly's hours, narrowed to its scope."""
    return _requests(row, row.started_at, row.last_seen_at + HOUR)


def _hour_url(row: Anomaly, start: datetime) -> str:
    return _requests(row, start, start + HOUR)


def _requests(row: Anomaly, start: datetime, end: datetime) -> str:
    pairs = [("organization", row.organization.slug), ("start", start.isoformat()), ("end", end.isoformat())]
    if row.dimension in FILTERED:
        pairs.append((row.dimension, row.value))
    return f"{reverse('admin:requests')}?{urlencode(pairs)}"
