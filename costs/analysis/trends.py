"""How cost moves: period over period, how much it swings, when it was highest, and why it changed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from analytics.answers.costs import MEASURES, TRENDS, trend
from analytics.answers.questions import Label, Questions, common
from analytics.labels import labels
from analytics.query import Note, Point, Query, Value
from analytics.query import window as windows
from analytics.query.plan import compared_window
from costs.analysis.effects import PARTS, Change, Driver, change, names

FEWEST = 3
MOST_DRIVERS = 5
TOO_SHORT = Note("too_short", f"volatility is null: it takes {FEWEST} whole buckets.")


@dataclass(frozen=True, slots=True)
class Step:
    """One bucket. `change`: against the bucket before, None for the first one, after nothing, and for a bucket that is
    cut by the window or still fills (`is_whole` false)."""

    time: datetime
    cost: Decimal
    requests: int
    cost_per_request: Value
    change: float | None
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Volatility:
    """Of the whole buckets' cost. `coefficient`: standard deviation ÷ mean (population); `largest_step`: the largest
    relative change from one bucket to the next, with its sign."""

    mean: Decimal
    standard_deviation: Decimal
    coefficient: float | None
    largest_step: float | None
    buckets: int


def trends(questions: Questions, query: Query, now: datetime) -> dict[str, Any]:
    """Two questions more than the common answer where something is compared. Raises QueryError."""
    query = replace(query, granularity=query.granularity or "day")
    result = questions.ask(replace(query, measures=MEASURES, dimensions=(), order=None))
    steps = _steps(result.series, query, now)
    whole = [step for step in steps if step.is_whole]
    before = compared_window(query)
    found = change(questions, query, before) if before else None
    drivers = _drivers(found) if found else []
    return {
        **common(questions, replace(result, series=())),
        "labels": _labels(drivers),
        "trends": [trend(result, name) for name in TRENDS],
        "periods": steps,
        "volatility": _volatility(questions, whole),
        "peak": _extreme(whole, most=True),
        "trough": _extreme(whole, most=False),
        "effects": found.effects if found else None,
        "drivers": drivers,
        "notes": list(questions.notes),
    }


def _steps(series: Sequence[Point], query: Query, now: datetime) -> list[Step]:
    found: list[Step] = []
    where = windows.zone(query.timezone)
    for point in series:
        begins = windows.floor(point.time, query.granularity or "day", where)
        ends = windows.following(begins, query.granularity or "day", where)
        is_whole = query.start <= begins and ends <= query.end and ends <= now
        cost: Any = point.measures["cost"]
        requests: Any = point.measures["requests"]
        before = found[-1] if found else None
        is_compared = is_whole and before is not None and before.is_whole and bool(before.cost)
        step = float((cost - before.cost) / before.cost) if is_compared and before else None
        found.append(Step(point.time, cost, requests, point.measures["cost_per_request"], step, is_whole))
    return found


def _volatility(questions: Questions, whole: Sequence[Step]) -> Volatility | None:
    if len(whole) < FEWEST:
        questions.note(TOO_SHORT)
        return None
    costs = [step.cost for step in whole]
    mean = sum(costs, Decimal(0)) / len(costs)
    spread = Decimal(str(statistics.pstdev(costs)))
    jumps = [step.change for step in whole if step.change is not None]
    return Volatility(
        mean, spread, float(spread / mean) if mean else None, max(jumps, key=abs, default=None), len(costs)
    )


def _extreme(whole: Sequence[Step], *, most: bool) -> Step | None:
    """The dearest or cheapest whole bucket, the last of equals; None where nothing cost anything."""
    if not any(step.cost for step in whole):
        return None
    sign = 1 if most else -1
    return max(whole, key=lambda step: (sign * step.cost, step.time))


def _drivers(found: Change) -> list[Driver]:
    return [driver for dimension in PARTS for driver in found.drivers(dimension, MOST_DRIVERS)]


def _labels(drivers: Sequence[Driver]) -> list[Label]:
    return [
        Label(dimension, value, name)
        for dimension, ids in sorted(names(drivers).items())
        for value, name in sorted(labels(dimension, ids).items())
    ]
