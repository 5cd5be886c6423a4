"""What a unit costs: a metric's values by day beside the cost of the same days and scopes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from analytics.answers.questions import Questions
from analytics.labels import labels
from analytics.query import Filter, Note, Query, QueryError
from analytics.query import window as windows
from costs.models import UnitMetric, UnitValue

MOST = 20
NOT_ASKED = "Its cost is not kept by these filters."
TOO_MANY = "It has too many values for this window; take a shorter one."
TOO_LARGE = ("too_many_points", "limit_out_of_range")
NO_VALUES = "No day of the window has a value."
LEFT_OUT = Note("unit_metrics_left_out", f"Of unit metrics the first {MOST} by name are told.")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Day:
    """One day. `value` None: it is not known (`cost` is then of all scopes); `is_partial`: some scopes are not known
    and left out of both. `cost_per_unit` None without a value, and for none."""

    day: date
    value: Decimal | None
    cost: Decimal
    cost_per_unit: Decimal | None
    is_partial: bool


@dataclass(frozen=True, slots=True)
class ScopeCost:
    """One team, project or tag value over the days that have a value."""

    scope: str
    name: str
    value: Decimal
    cost: Decimal
    cost_per_unit: Decimal | None


@dataclass(frozen=True, slots=True)
class UnitCost:
    """One metric. `value`, `cost`: over the days and scopes that have a value; `days_without_value` of the window."""

    id: UUID
    name: str
    unit: str
    dimension: str
    value: Decimal | None
    cost: Decimal | None
    cost_per_unit: Decimal | None
    days_without_value: int
    scopes: Sequence[ScopeCost]
    series: Sequence[Day]
    note: str


Costs = Mapping[tuple[date, str], Decimal]


def answers(questions: Questions, query: Query) -> list[UnitCost]:
    """Every metric that the person sees, under the filters of the query, by whole days of the reporting zone. A query
    for the metrics, one for their values, and for each metric a question; one for the names of each dimension."""
    rows = list(
        UnitMetric.objects.visible_to(questions.user).filter(organization=questions.organization, archived_at=None)[
            : MOST + 1
        ]
    )
    if not rows:
        return []
    if len(rows) > MOST:
        questions.note(LEFT_OUT)
    zone = windows.zone(questions.organization.reporting_timezone)
    first, last = query.start.astimezone(zone).date(), query.end.astimezone(zone).date()
    if windows.floor(query.end, "day", zone) < query.end:
        last = windows.following(query.end, "day", zone).astimezone(zone).date()
    values: dict[UUID, list[UnitValue]] = defaultdict(list)
    known = UnitValue.objects.filter(metric__in=[row.pk for row in rows[:MOST]]).in_days(first, last)
    for value in known:
        values[value.metric_id].append(value)
    return [_answer(questions, query, row, values[row.pk]) for row in rows[:MOST]]


def _answer(questions: Questions, query: Query, metric: UnitMetric, values: Sequence[UnitValue]) -> UnitCost:
    scopes = sorted({value.scope for value in values})
    try:
        costs, days = _costs(questions, query, metric, scopes)
    except QueryError as error:
        return _unknown(metric, TOO_MANY if error.code in TOO_LARGE else NOT_ASKED, 0)
    known = {(value.day, value.scope): value.value for value in values}
    series = [_day(day, known, costs, scopes) for day in days]
    missing = sum(day.value is None for day in series)
    if not values:
        return _unknown(metric, NO_VALUES, missing, series)
    value = sum((day.value for day in series if day.value is not None), ZERO)
    cost = sum((day.cost for day in series if day.value is not None), ZERO)
    names = labels(metric.dimension, scopes) if metric.dimension else {}
    parts = [_scope(scope, names.get(scope, scope), known, costs) for scope in scopes] if metric.dimension else []
    return UnitCost(
        metric.pk, metric.name, metric.unit, metric.dimension, value, cost, per_unit(cost, value), missing, parts,
        series, "",
    )  # fmt: skip


def _costs(
    questions: Questions, query: Query, metric: UnitMetric, scopes: Sequence[str]
) -> tuple[Costs, Sequence[date]]:
    """Cost by day and scope, of everything without any scope; and the days of the window. Raises QueryError."""
    zone = questions.organization.reporting_timezone
    where = windows.zone(zone)
    by = metric.dimension if scopes else ""
    narrowed = [*query.filters, *([Filter(by, "in", tuple(scopes))] if by else [])]
    start = windows.floor(query.start, "day", where)
    end = windows.floor(query.end, "day", where)
    end = end if end == query.end else windows.following(end, "day", where)
    result = questions.ask(
        replace(
            query, measures=("cost",), start=start, end=end, granularity="day", timezone=zone, compare_to="none",
            dimensions=(by,) if by else (), filters=tuple(narrowed), order=None, having=(), limit=max(len(scopes), 1),
        )
    )  # fmt: skip
    found: dict[tuple[date, str], Decimal] = {}
    for point in result.series:
        cost: Any = point.measures["cost"]
        found[point.time.date(), str(point.dimensions[by]) if by else ""] = cost
    days, at = [], start
    while at < end:
        days.append(at.astimezone(where).date())
        at = windows.following(at, "day", where)
    return found, days


def _day(day: date, known: Mapping[tuple[date, str], Decimal], costs: Costs, scopes: Sequence[str]) -> Day:
    told = [scope for scope in scopes if (day, scope) in known]
    cost = sum((costs.get((day, scope), ZERO) for scope in (told or scopes or [""])), ZERO)
    if not told:
        return Day(day, None, cost, None, False)
    value = sum((known[day, scope] for scope in told), ZERO)
    return Day(day, value, cost, per_unit(cost, value), len(told) < len(scopes))


def _scope(scope: str, name: str, known: Mapping[tuple[date, str], Decimal], costs: Costs) -> ScopeCost:
    days = [day for day, of in known if of == scope]
    value = sum((known[day, scope] for day in days), ZERO)
    cost = sum((costs.get((day, scope), ZERO) for day in days), ZERO)
    return ScopeCost(scope, name, value, cost, per_unit(cost, value))


def per_unit(cost: Decimal, value: Decimal) -> Decimal | None:
    """None where there was none to divide by."""
    return cost / value if value else None


def _unknown(metric: UnitMetric, note: str, missing: int, series: Sequence[Day] = ()) -> UnitCost:
    return UnitCost(
        metric.pk, metric.name, metric.unit, metric.dimension, None, None, None, missing, [], series, note
    )  # fmt: skip
