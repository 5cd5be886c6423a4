"""Sections of a report, by kind: the metrics layer's, provider health, security, and those that apps contribute.

A section is drawn with the reader's own eyes; one with `own_team` only about the reader's team. An app contributes
kinds by `report_sections` of its `ConsoleProvider`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone as clock
from django.utils.module_loading import import_string

from analytics.answers.health import provider_health
from analytics.answers.questions import Questions
from analytics.api.serializers.questions import query_of
from analytics.console.cards.labels import names, value_of
from analytics.console.cards.values import plotted, spoken, text, unit
from analytics.console.format import change_words, number
from analytics.exports.datasets.metrics import column_of
from analytics.exports.table import Column
from analytics.metrics import DIMENSIONS, MEASURES, Measure
from analytics.query import Query, QueryError, Result
from analytics.reports.blocks import Block, Chart, Figure, Figures, Grid, Line, Part, Words
from analytics.reports.schedule import zone_of
from gateway.console import providers
from gateway.models import Organization, SecurityEvent, VirtualKey
from gateway.querysets import WIDE_ROLES, memberships_of

METRICS = "metrics"
CHARTS = ("none", "line", "bar", "ranking")
MAX_SECTIONS = 12
SHOWN_LINES = 6
GOOD_WHEN_LESS = frozenset(
    {"errors", "error_rate", "denied", "unpriced_requests", "retries", "retry_cost", "failed_cost"}
)
OLD_KEY = timedelta(days=180)
UNUSED_KEY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose eyes, about which `[start, end)`; days are cut in `zone`. `team`: the one that sections of a team's own
    figures are about, None where the reader is in none."""

    user: Any
    organization: Organization
    start: datetime
    end: datetime
    zone: str
    team: UUID | None = None

    def questions(self) -> Questions:
        return Questions(self.user, self.organization)

    @property
    def is_wide(self) -> bool:
        """Whether the reader sees the whole organization, and the section is about it."""
        if self.team is not None:
            return False
        if getattr(self.user, "is_superuser", False):
            return True
        return memberships_of(self.user, *WIDE_ROLES).filter(organization=self.organization).exists()


Draw = Callable[[Reader, Mapping[str, Any]], Sequence[Block]]


def kinds() -> dict[str, Draw]:
    """Every kind of section by name, contributed ones included."""
    found: dict[str, Draw] = {METRICS: draw_metrics, "provider_health": draw_health, "security": draw_security}
    for provider in providers():
        found |= {name: import_string(path) for name, path in provider.report_sections.items()}
    return found


def draw(section: Mapping[str, Any], reader: Reader) -> Part:
    """The section as the reader sees it; a question that has no answer says why instead."""
    known = kinds().get(section["kind"])
    if not section.get("own_team"):
        reader = replace(reader, team=None)
    title = section.get("title") or section["kind"].replace("_", " ").capitalize()
    if known is None:
        return Part(title, [Words("This section is not available in this installation.", "warn")])
    try:
        return Part(title, known(reader, section))
    except QueryError as error:
        return Part(title, [Words(error.message, "warn")])


# ---- the metrics layer ---------------------------------------------------------------------------------------------
def query_for(section: Mapping[str, Any], reader: Reader) -> Query:
    """The question of a metrics section about the reader's period."""
    filters = list(section.get("filters") or ())
    if reader.team is not None:
        filters.append({"dimension": "team", "op": "eq", "value": str(reader.team)})
    fields = {
        "start": reader.start, "end": reader.end, "timezone": reader.zone, "measures": section["measures"],
        "dimensions": section.get("dimensions") or (), "filters": filters,
        "granularity": section.get("granularity"), "limit": section.get("limit") or 10, "order": section.get("order"),
        "compare_to": "previous_period" if section.get("compare", True) else "none",
    }  # fmt: skip
    if section.get("chart") in ("line", "bar") and not fields["granularity"]:
        fields["granularity"] = "hour" if reader.end - reader.start <= timedelta(days=2) else "day"
    return query_of(fields, reader.organization)


def draw_metrics(reader: Reader, section: Mapping[str, Any]) -> Sequence[Block]:
    """Totals with their change, a chart of the first measure, a table of the groups."""
    query, questions = query_for(section, reader), reader.questions()
    result = questions.ask(query)
    measures = [MEASURES[name] for name in query.measures]
    blocks: list[Block] = [_totals(measures, result)]
    called = {name: _called(reader, name, result) for name in query.dimensions}
    chart = section.get("chart", "none")
    if chart == "ranking" and query.dimensions:
        blocks.append(_ranking(measures[0], query, result, called))
    elif chart in ("line", "bar"):
        blocks.append(_over_time(chart, measures[0], query, result, called))
    if query.dimensions:
        blocks.append(_groups(measures, query, result, called))
    elif query.granularity and chart not in ("line", "bar"):
        blocks.append(_buckets(measures, result))
    return [*blocks, *(Words(note.message, "warn") for note in questions.notes)]


def _totals(measures: Sequence[Measure], result: Result) -> Figures:
    return Figures(
        [
            Figure(
                measure.label, text(measure, result.totals[measure.name], result.currency),
                _changed(measure, result), _tone(measure, result.change.get(measure.name)),
            )
            for measure in measures
        ]
    )  # fmt: skip


def _changed(measure: Measure, result: Result) -> str:
    if result.previous_totals is None:
        return ""
    return change_words(result.change.get(measure.name), "the period before")


def _tone(measure: Measure, change: float | None) -> str:
    if change is None or abs(change) < 0.05 or measure.name not in GOOD_WHEN_LESS:
        return ""
    return "bad" if change > 0 else "good"


def _called(reader: Reader, dimension: str, result: Result) -> dict[str, str]:
    values = [value_of(group.dimensions[dimension]) for group in result.groups]
    return names(reader.user, reader.organization, dimension, values)


def _name(query: Query, values: Mapping[str, Any], called: Mapping[str, Mapping[str, str]]) -> str:
    return " · ".join(called[name].get(value_of(values[name]), value_of(values[name])) for name in query.dimensions)


def _over_time(
    kind: str, measure: Measure, query: Query, result: Result, called: Mapping[str, Mapping[str, str]]
) -> Chart:
    times = list(dict.fromkeys(point.time for point in result.series))
    lines: dict[str, dict[datetime, float | None]] = {}
    for point in result.series:
        name = _name(query, point.dimensions, called) or measure.label
        lines.setdefault(name, {})[point.time] = plotted(measure, point.measures[measure.name])
    shown = [Line(name, [values.get(time) for time in times]) for name, values in lines.items()]
    if len(shown) > SHOWN_LINES:
        shown = _with_rest(shown, measure)
    return Chart(
        kind, f"{measure.label} over time", unit(measure, result.currency), shown, times=times,
        summary=_peak(measure, query, result),
    )  # fmt: skip


def _with_rest(lines: list[Line], measure: Measure) -> list[Line]:
    """The first ones, and the sum of the others where that means something."""
    if not measure.is_additive:
        return lines[:SHOWN_LINES]
    head, tail = lines[: SHOWN_LINES - 1], lines[SHOWN_LINES - 1 :]
    rest = [sum(value or 0 for value in values) for values in zip(*(line.values for line in tail), strict=True)]
    return [*head, Line("Everything else", rest)]


def _peak(measure: Measure, query: Query, result: Result) -> str:
    totals: dict[datetime, Any] = {}
    for point in result.series:
        value = point.measures[measure.name]
        if value is not None:
            totals[point.time] = totals.get(point.time, 0) + value if measure.is_additive else value
    if not totals:
        return "Nothing was measured in this period."
    top = max(totals, key=lambda time: totals[time])
    local = top.astimezone(zone_of(query.timezone))
    when = f"at {local:%d %B %H:%M}" if query.granularity in ("minute", "hour") else f"on {local:%d %B}"
    return f"Most {when}: {spoken(measure, totals[top], result.currency)}."


def _ranking(measure: Measure, query: Query, result: Result, called: Mapping[str, Mapping[str, str]]) -> Chart:
    rows = [(_name(query, group.dimensions, called), plotted(measure, group.measures[measure.name]))
            for group in result.groups]  # fmt: skip
    first = result.groups[0] if result.groups else None
    summary = "Nothing was measured in this period."
    if first is not None:
        said = spoken(measure, first.measures[measure.name], result.currency)
        share = f", {first.share:.0%} of all" if first.share is not None else ""
        summary = f"First: {rows[0][0]} with {said}{share}."
    return Chart(
        "ranking", f"{measure.label} by {_by(query)}", unit(measure, result.currency),
        [Line(measure.label, [value for _, value in rows])], names=[name for name, _ in rows], summary=summary,
    )  # fmt: skip


def _by(query: Query) -> str:
    return " and ".join(_label(name).lower() for name in query.dimensions)


def _label(dimension: str) -> str:
    return DIMENSIONS[dimension].label if dimension in DIMENSIONS else dimension.removeprefix("tag.")


def _groups(measures: Sequence[Measure], query: Query, result: Result, called: Mapping[str, Mapping[str, str]]) -> Grid:
    columns = [Column(name, _label(name)) for name in query.dimensions] + [column_of(measure) for measure in measures]
    first, is_compared = measures[0], result.previous_totals is not None
    if is_compared:
        columns.append(Column("change", f"{first.label}, change", "ratio"))
    rows = []
    for group in result.groups:
        row: list[Any] = [called[name].get(value_of(group.dimensions[name])) for name in query.dimensions]
        row += [group.measures[measure.name] for measure in measures]
        if is_compared:
            row.append(_ratio(group.measures[first.name], (group.previous or {}).get(first.name)))
        rows.append(row)
    return Grid(f"By {_by(query)}", columns, rows, [group.share for group in result.groups])


def _ratio(now: Any, before: Any) -> float | None:
    return float((now - before) / before) if now is not None and before else None


def _buckets(measures: Sequence[Measure], result: Result) -> Grid:
    columns = [Column("time", "Time", "time"), *(column_of(measure) for measure in measures)]
    rows = [[point.time, *(point.measures[measure.name] for measure in measures)] for point in result.series]
    return Grid("Over time", columns, rows)


# ---- provider health -----------------------------------------------------------------------------------------------
def draw_health(reader: Reader, section: Mapping[str, Any]) -> Sequence[Block]:
    """Providers as they are now, and how they did in the period."""
    questions = reader.questions()
    found = provider_health(questions, clock.now())
    columns = [
        Column("provider", "Provider"), Column("state", "Now"), Column("availability_24h", "Available, 24 h", "ratio"),
        Column("availability_30d", "Available, 30 days", "ratio"), Column("last_error", "Last failure"),
    ]  # fmt: skip
    rows = [
        [
            item.name, item.state.replace("_", " "), item.availability_24h, item.availability_30d,
            f"{item.last_error.error_type or item.last_error.status}, {item.last_error.at:%d %b %H:%M} UTC"
            if item.last_error else None,
        ]
        for item in found
    ]  # fmt: skip
    period = {
        "kind": METRICS, "measures": ["attempts", "error_rate", "latency_p95", "cost"], "dimensions": ["provider"],
        "filters": [], "chart": "none", "compare": True,
    }  # fmt: skip
    grid = Grid("As they are when this is made", columns, rows, empty="No provider is set up.")
    return [grid, *draw_metrics(reader, period)]


# ---- security ------------------------------------------------------------------------------------------------------
def draw_security(reader: Reader, section: Mapping[str, Any]) -> Sequence[Block]:
    """Refused calls as the reader sees them; sign-in failures, guardrail hits and keys for who sees everything."""
    refused = {"kind": METRICS, "measures": ["denied", "requests"], "dimensions": ["api_key"], "filters": [],
               "chart": "none", "compare": True, "order": "-denied"}  # fmt: skip
    blocks = [*draw_metrics(reader, refused)]
    if not reader.is_wide:
        return [*blocks, Words("Refused keys, guardrail hits and the state of keys are of the whole organization and "
                               "shown to who sees it.")]  # fmt: skip
    return [_events(reader), *blocks, _keys(reader)]


def _events(reader: Reader) -> Grid:
    rows = SecurityEvent.objects.filter(organization=reader.organization.pk, at__gte=reader.start, at__lt=reader.end)
    counted = rows.order_by().values("kind", "action").annotate(total=Sum("count")).order_by("-total", "kind")
    body = [[row["kind"].replace("_", " "), row["action"] or None, row["total"]] for row in counted[:20]]
    columns = [Column("event", "Event"), Column("action", "What followed"), Column("count", "Times", "integer")]
    return Grid("Refused authentication and guardrail hits", columns, body, empty="None in this period.")


def _keys(reader: Reader) -> Grid:
    """Usable keys that are old or were not used in the last 30 days of the period."""
    keys = VirtualKey.objects.filter(organization=reader.organization).usable(reader.end)
    used = _used_keys(reader)
    usable = list(keys.select_related("project").order_by("created_at")[:500])
    body = []
    for key in usable:
        old = reader.end - key.created_at >= OLD_KEY
        idle = str(key.pk) not in used and reader.end - key.created_at >= UNUSED_KEY
        if old or idle:
            age = number((reader.end - key.created_at).days)
            what = " and ".join(words for words, holds in (("old", old), ("not used for 30 days", idle)) if holds)
            body.append([key.name, key.project.name, what, f"{age} days"])
    columns = [Column("key", "Key"), Column("project", "Project"), Column("finding", "Finding"), Column("age", "Age")]
    nothing = "Every key is in use and less than half a year old." if usable else "There is no key."
    return Grid("Keys to look at", columns, body[:50], empty=nothing)


def _used_keys(reader: Reader) -> set[str]:
    asked = Query(
        measures=("requests",), start=reader.end - UNUSED_KEY, end=reader.end, dimensions=("api_key",), limit=10_000
    )
    groups = reader.questions().ask(asked).groups
    return {str(group.dimensions["api_key"]) for group in groups if group.measures["requests"]}
