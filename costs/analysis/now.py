"""What is being spent: this hour, today, this month, how fast, and where that leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from analytics.answers.forecasts import Interval, amount
from analytics.answers.questions import Questions, labels_of
from analytics.answers.realtime import recent_lines
from analytics.console.periods import next_quarter
from analytics.forecasting import Forecast
from analytics.outlook.history import LEVELS, outlook
from analytics.query import Group, Note, Query, Result
from analytics.query import window as windows
from costs.analysis.ahead import lasting
from gateway.services.fleet import fleet

HOUR = timedelta(hours=1)
SHAPE = timedelta(days=14)
"""How far back the shape of a day is taken from."""
DRIVERS = ("team", "model", "api_key")
MOST_DRIVERS = 5
NO_PROJECTION = Note("no_projection", "projected_day and projected_month are null: nothing was spent on a day before.")


@dataclass(frozen=True, slots=True)
class Projection:
    """What a running period is expected to cost when it is over; intervals never lie below what is spent."""

    mean: Decimal
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class Projections:
    day: Projection | None
    month: Projection | None


@dataclass(frozen=True, slots=True)
class Drive:
    """Who or what spends today. `previous`: by the same time yesterday, None when nothing was."""

    dimension: str
    value: Any
    cost: Decimal
    share: float | None
    previous: Decimal | None


@dataclass(frozen=True, slots=True)
class Spent:
    """The windows that run, in `zone`, and what they cost so far. `velocity_per_hour`: of the last four quarter-hours
    that are over; `yesterday`: all of it, `yesterday_by_now`: up to the same time."""

    zone: str
    now: datetime
    today_start: datetime
    month_start: datetime
    month_end: datetime
    this_hour: Decimal
    today: Decimal
    yesterday: Decimal
    yesterday_by_now: Decimal
    month_to_date: Decimal
    last_month: Decimal
    velocity_per_hour: Decimal
    result: Result


def realtime(questions: Questions, now: datetime) -> dict[str, Any]:
    """Six questions, those of the forecast, of the drivers and of each budget, and the newest lines of the ledger."""
    zone = questions.organization.reporting_timezone
    spent = spent_now(questions, now, zone)
    ahead = projections(questions, spent)
    groups = {name: _drivers(questions, spent, name) for name in DRIVERS}
    lines = list(recent_lines(questions, now))
    scope = questions.scope
    return {
        "generated_at": now, "data_version": scope.version, "rollup_lag_s": scope.lag_s, "currency": scope.currency,
        "timezone": zone, "stale": spent.result.stale,
        "cost_this_hour": spent.this_hour, "today": spent.today, "yesterday": spent.yesterday,
        "yesterday_by_now": spent.yesterday_by_now, "month_to_date": spent.month_to_date,
        "last_month": spent.last_month, "velocity_per_hour": spent.velocity_per_hour,
        "projected_day": ahead.day, "projected_month": ahead.month,
        "budgets": lasting(questions, now),
        "top_drivers": [_drive(name, group) for name, found in groups.items() for group in found],
        "labels": labels_of(*groups.values()),
        "recent_transactions": lines,
        "ledger_lag_s": fleet(now).resources.ledger_lag_s,
        "notes": list(questions.notes),
    }  # fmt: skip


def spent_now(questions: Questions, now: datetime, zone: str) -> Spent:
    """Six questions about windows of one measure."""
    where = windows.zone(zone)
    end = next_quarter(now)
    hour, today, month = (windows.floor(now, grain, where) for grain in ("hour", "day", "month"))
    yesterday = windows.floor(today - HOUR, "day", where)
    before = windows.floor(month - HOUR, "month", where)

    def cost(first: datetime, last: datetime) -> Decimal:
        found: Any = _ask(questions, zone, first, last).totals["cost"]
        return found

    of_today = _ask(questions, zone, today, end)
    of_month: Any = of_today.totals["cost"] if today == month else cost(month, end)
    by_now = yesterday + (end - today)
    today_cost: Any = of_today.totals["cost"]
    return Spent(
        zone=zone, now=now, today_start=today, month_start=month, month_end=windows.following(month, "month", where),
        this_hour=cost(hour, end), today=today_cost, yesterday=cost(yesterday, today),
        yesterday_by_now=cost(yesterday, min(by_now, today)), month_to_date=of_month, last_month=cost(before, month),
        velocity_per_hour=cost(end - timedelta(minutes=75), end - timedelta(minutes=15)), result=of_today,
    )  # fmt: skip


def _ask(questions: Questions, zone: str, start: datetime, end: datetime, **more: Any) -> Result:
    return questions.ask(Query(measures=("cost",), start=start, end=end, timezone=zone, **more))


def projections(questions: Questions, spent: Spent) -> Projections:
    """Day and month as the forecast of the days expects them, today only with the part of a day that is still to come
    at this hour. Two questions."""
    where = windows.zone(spent.zone)
    days, at = 0, spent.today_start
    while at < spent.month_end:
        days, at = days + 1, windows.following(at, "day", where)
    history, found = outlook(questions, "cost", "day", spent.zone, spent.now, horizon=days)
    if found is None or history.end != spent.today_start:
        questions.note(NO_PROJECTION)
        return Projections(None, None)
    left = 1.0 - passed(questions, spent)
    return Projections(
        _projected(found, spent.today, left, 1), _projected(found, spent.month_to_date, left, found.horizon)
    )


def passed(questions: Questions, spent: Spent) -> float:
    """Share of a day's cost that is spent by this time of the day, by the last two weeks; by the clock without them.
    One question."""
    where = windows.zone(spent.zone)
    start = windows.floor(spent.today_start - SHAPE, "day", where)
    series = _ask(questions, spent.zone, start, spent.today_start, granularity="hour").series
    local = spent.now.astimezone(where)
    into = local.hour + local.minute / 60 + local.second / 3600
    whole = early = 0.0
    for point in series:
        cost = float(point.measures["cost"] or 0)
        whole += cost
        early += cost * min(1.0, max(0.0, into - point.time.astimezone(where).hour))
    return early / whole if whole else into / 24


def _projected(found: Forecast, spent: Decimal, left: float, days: int) -> Projection:
    """What is spent, what the rest of today should bring, and the days after it. The half-widths of the total grow with
    the root of the time to come, as in the exhaustion of budgets."""
    share = np.ones(days)
    share[0] = left
    rest = float((found.mean[:days] * share).sum())
    root = float(np.sqrt(share.sum() / found.horizon))
    done = float(spent)
    bounds = [
        Interval(
            level,
            max(spent, _money(done + rest - (found.total.mean - found.total.lower[level]) * root)),
            _money(done + rest + (found.total.upper[level] - found.total.mean) * root),
        )
        for level in LEVELS
    ]
    return Projection(_money(done + rest), bounds)


def _money(value: float) -> Decimal:
    found = amount("cost", value)
    assert isinstance(found, Decimal)
    return found


def _drivers(questions: Questions, spent: Spent, dimension: str) -> Sequence[Group]:
    end = next_quarter(spent.now)
    first = windows.floor(spent.today_start - HOUR, "day", windows.zone(spent.zone))
    last = min(first + (end - spent.today_start), spent.today_start)
    asked = Query(
        measures=("cost",), start=spent.today_start, end=end, timezone=spent.zone, dimensions=(dimension,),
        compare_to=(first, last), limit=MOST_DRIVERS,
    )  # fmt: skip
    return [group for group in questions.ask(asked).groups if not group.is_other and group.measures["cost"]]


def _drive(dimension: str, group: Group) -> Drive:
    cost: Any = group.measures["cost"]
    before: Mapping[str, Any] = group.previous or {}
    return Drive(dimension, group.dimensions[dimension], cost, group.share, before.get("cost"))
