"""Answering a question: scope, plan, one statement, and the rows made into the common result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from analytics import cache
from analytics.metrics import Measure
from analytics.query import archived, quantiles, reading, sql
from analytics.query.foreign import Foreign, foreign_of
from analytics.query.plan import MONEY_CHECK, Plan, elapsed_minutes, filters_as_given, make_plan
from analytics.query.scope import Scope, scope_of, still_kept
from analytics.query.shapes import OTHER, DimensionValue, Group, Note, Point, Query, QueryError, Result, Value
from analytics.query.values import kind_of
from gateway.conversion import rounded

if TYPE_CHECKING:
    from gateway.querysets import Person

Row = Mapping[str, Any]
Reader = Callable[[Row, float], dict[str, Value]]
ZERO = Decimal(0)
ALL = quantiles.ALL


def run(user: Person, query: Query, *, scope: Scope | None = None, is_fresh: bool = False) -> Result:
    """The answer as `user` may see it; 2 statements, and 1 each for a dimension filtered by name, for
    tags, and where local days are read.

    `scope`: what `scope_of(user, query)` said a moment ago, for several questions about the same organization on one
    page; it saves their statement. `is_fresh`: past every cache. Raises QueryError. When the database does not answer
    the question, the last answer is given as `stale` for up to an hour. A result is shared by everyone with the same
    view: do not change its maps.
    """
    now = datetime.now(UTC)
    scope = scope or scope_of(user, query)
    if query.conversion is not None and scope.has_foreign:
        scope = replace(scope, local_days=None)  # a rate stands for a day of UTC: both conversions are to meet in it
    plan = make_plan(query, scope, now)
    foreign = foreign_of(plan)
    if is_fresh:
        return replace(_answer_of_now(plan, now, foreign), rollup_lag_s=scope.lag_s)
    versions = plan.cube.name, plan.data_version
    question: tuple[object, ...] = (plan.scope.key(), as_understood(plan), plan.conditions)
    if query.conversion is not None:
        question += (query.conversion,)
    if foreign is not None:
        question += (foreign,)
    result = cache.get(
        cache.key(versions, question), lambda: _answer_of_now(plan, now, foreign), last=cache.key("last", question)
    )
    return replace(result, rollup_lag_s=scope.lag_s)


def _answer_of_now(plan: Plan, now: datetime, foreign: Foreign | None) -> Result:
    """`answer`, by quarter-hours when the local days were taken away while they were read."""
    found = answer(plan, now, foreign)
    if not plan.reads_local_days or still_kept(plan.scope):
        return found
    return answer(make_plan(plan.query, replace(plan.scope, local_days=None), now), now, foreign)


def answer(plan: Plan, now: datetime, foreign: Foreign | None = None) -> Result:
    """Run the statement and shape its rows. One snapshot for all grains and both windows."""
    rows, read = _fetch(plan, foreign), _reader(plan, foreign)
    total = rows.get((0, ALL, ALL), {})
    totals = read(total, elapsed_minutes(plan.buckets.edges[0], plan.buckets.edges[-1], now))
    previous = None
    if plan.previous:
        previous = read(rows.get((1, ALL, ALL), {}), elapsed_minutes(*plan.previous, now))
    groups = _groups(plan, rows, read, totals, now)
    return Result(
        generated_at=now,
        data_version=plan.data_version,
        rollup_lag_s=plan.scope.lag_s,
        currency=plan.query.conversion.quote if plan.query.conversion else plan.scope.currency,
        timezone=plan.query.timezone,
        query=as_understood(plan),
        totals=totals,
        previous_totals=previous,
        change={} if previous is None else {m.name: change_of(totals[m.name], previous[m.name]) for m in plan.measures},
        series=_series(plan, rows, read, groups, now),
        groups=[group for _, group in groups],
        notes=[*plan.notes, *_unpriced(total), *_unscored(plan, totals), *(foreign.notes if foreign else ())],
    )


def _fetch(plan: Plan, foreign: Foreign | None) -> Mapping[tuple[int, int, int], Row]:
    """Rows by (period, t, g); ALL where a row is not about one bucket or one group."""
    text, parameters = sql.statement(plan, foreign.rates if foreign is not None else ())
    names, found_rows = (
        archived.fetch(plan, text, parameters) if plan.archived_until else reading.fetch(plan.scope, text, parameters)
    )
    rows = [dict(zip(names, row, strict=True)) for row in found_rows]
    found = {(row["period"], row["t"], row["g"]): row for row in rows}
    if plan.quantiles:
        quantiles.add(found, plan.quantiles)
    return found


def _reader(plan: Plan, foreign: Foreign | None) -> Reader:
    """What makes the measures' values of a row and the elapsed minutes of its window; decided once, read for each of
    thousands of rows."""
    readers = [(measure.name, _value_reader(plan, measure, foreign)) for measure in plan.measures]
    return lambda row, minutes: {name: read(row, minutes) for name, read in readers}


def _value_reader(plan: Plan, measure: Measure, foreign: Foreign | None) -> Callable[[Row, float], Value]:
    if foreign is not None and foreign.hides(measure):
        return lambda row, minutes: None
    numerator, denominator, name = measure.numerator, measure.denominator, measure.name
    match measure.kind:
        case "quantile":
            return lambda row, minutes: row.get(name)
        case "distinct":
            column = f"c{plan.distincts.index(measure)}"
            return lambda row, minutes: int(row.get(column) or 0)
        case "per_minute":
            return lambda row, minutes: float(_weighted(numerator, row)) / minutes if minutes else None
        case "sum":
            if measure.is_money and (plan.query.conversion is not None or foreign is not None):
                return lambda row, minutes: rounded(_weighted(numerator, row))
            if measure.is_money:
                return lambda row, minutes: _weighted(numerator, row)
            return lambda row, minutes: int(_weighted(numerator, row))
    factor = Decimal(str(measure.factor))

    def ratio(row: Row, minutes: float) -> Value:
        below = _weighted(denominator, row)
        if not below:
            return None
        value = factor * _weighted(numerator, row) / below
        return value if measure.is_money else float(value)

    return ratio


def _weighted(weights: Mapping[str, int | float], row: Row) -> Decimal:
    total = ZERO
    for name, weight in weights.items():
        value = row.get(name) or 0
        total += value if weight == 1 else Decimal(str(weight)) * value
    return total


def change_of(now: Value, before: Value) -> float | None:
    """Relative change; None where there was nothing to compare with."""
    if now is None or not before:
        return None
    return float((Decimal(str(now)) - Decimal(str(before))) / abs(Decimal(str(before))))


def _groups(
    plan: Plan, rows: Mapping[tuple[int, int, int], Row], read: Reader, totals: Mapping[str, Value], now: datetime
) -> list[tuple[int, Group]]:
    """Groups in rank order with their number, the rest bucket (0) last."""
    if not plan.dimensions:
        return []
    numbers = _ranked(plan, rows)
    if (0, ALL, 0) in rows:
        numbers.append(0)
    minutes = elapsed_minutes(plan.buckets.edges[0], plan.buckets.edges[-1], now)
    earlier = elapsed_minutes(*plan.previous, now) if plan.previous else 0.0
    found = []
    for g in numbers:
        row, before = rows[0, ALL, g], rows.get((1, ALL, g))
        values = read(row, minutes)
        previous = None if before is None else read(before, earlier)
        found.append((g, Group(_names(plan, row, g), values, _share(plan, values, totals), g == 0, previous)))
    return found


def _ranked(plan: Plan, rows: Mapping[tuple[int, int, int], Row]) -> list[int]:
    """Numbers of the groups in their order. By a quantile they are not numbered in SQL while all of them are there."""
    numbers = sorted(g for period, t, g in rows if period == 0 and t == ALL and g > 0)
    by = plan.order.measure
    if by is None or by.kind != "quantile":
        return numbers
    known = {g: rows[0, ALL, g].get(by.name) for g in numbers}
    sign = -1 if plan.order.descending else 1
    return sorted(numbers, key=lambda g: (known[g] is None, sign * (known[g] or 0)))


def _share(plan: Plan, values: Mapping[str, Value], totals: Mapping[str, Value]) -> float | None:
    by = plan.order.measure or plan.measures[0]
    part, whole = values.get(by.name), totals.get(by.name)
    if not by.is_additive or part is None or not whole:
        return None
    return float(Decimal(str(part)) / Decimal(str(whole)))


def _names(plan: Plan, row: Row, g: int) -> dict[str, DimensionValue]:
    if g == 0:
        return dict.fromkeys(plan.dimensions, OTHER)
    return {name: _named(name, row[f"d{i}"]) for i, name in enumerate(plan.dimensions)}


def _named(dimension: str, text: str) -> DimensionValue:
    if text == sql.NULL:
        return None
    kind = kind_of(dimension)
    if kind == "integer":
        return int(text)
    return text == "true" if kind == "boolean" else text


def _series(
    plan: Plan,
    rows: Mapping[tuple[int, int, int], Row],
    read: Reader,
    groups: Sequence[tuple[int, Group]],
    now: datetime,
) -> list[Point]:
    """Every bucket of every group, in time order, empty ones as zeros (or None where nothing was measured)."""
    if plan.query.granularity is None:
        return []
    lines = [(g, group.dimensions) for g, group in groups] if plan.dimensions else [(ALL, {})]
    points = []
    for t, ((start, end), name) in enumerate(zip(pairwise(plan.buckets.edges), plan.buckets.names, strict=True)):
        minutes = elapsed_minutes(start, end, now)
        points += [Point(name, dimensions, read(rows.get((0, t, g), {}), minutes)) for g, dimensions in lines]
    return points


def _unpriced(total: Row) -> list[Note]:
    count = int(total.get(MONEY_CHECK) or 0)
    if not count:
        return []
    return [Note("unpriced", f"The price of {count:,} requests is not known; cost leaves them out.")]


def _unscored(plan: Plan, totals: Mapping[str, Value]) -> list[Note]:
    if "quality_score" not in totals or totals["quality_score"] is not None:
        return []
    return [Note("no_scores", "No request of this window was scored: quality is unknown. Scores come by /v1/feedback.")]


def as_understood(plan: Plan) -> dict[str, object]:
    """The question with its defaults filled in, JSON-ready."""
    query = plan.query
    compared = query.compare_to if isinstance(query.compare_to, str) else [at.isoformat() for at in query.compare_to]
    return {
        "start": plan.window[0].isoformat(),
        "end": plan.window[1].isoformat(),
        "granularity": query.granularity,
        "timezone": query.timezone,
        "measures": [measure.name for measure in plan.measures],
        "group_by": list(plan.dimensions),
        "filters": filters_as_given(query.filters),
        "compare_to": compared,
        "order": query.order or f"-{plan.measures[0].name}",
        "limit": query.limit,
        "having": [{"measure": item.measure, "op": item.op, "value": str(item.value)} for item in query.having],
    }


__all__ = ["QueryError", "answer", "as_understood", "run"]
