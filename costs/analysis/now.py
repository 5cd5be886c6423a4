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
from analytics.outlook.crossing import LEVEL
from analytics.outlook.history import LEVELS, History, outlook
from analytics.query import Group, Note, Query, Result
from analytics.query import window as windows
from costs.analysis.ahead import lasting
from costs.choices import BudgetPeriod
from costs.models import Budget
from costs.outlook import SPARE
from costs.usage import usage_of
from gateway.scopes import ORGANIZATION
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
class Drive:
    """Who or what spends today. `previous`: by the same time yesterday, None when nothing was."""

    dimension: str
    value: Any
    cost: Decimal
    share: float | None
    previous: Decimal | None


@dataclass(frozen=True, slots=True)
class Running:
    """The day and the month that run in `zone`, and what they cost so far."""

    zone: str
    now: datetime
    today_start: datetime
    month_start: datetime
    month_end: datetime
    today: Decimal
    month_to_date: Decimal
    stale: bool = False

    @property
    def last_month_start(self) -> datetime:
        return windows.floor(self.month_start - HOUR, "month", windows.zone(self.zone))


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the day and the month will have cost, and the days' forecast that says so; None without any history. The
    first `days` of it end the month."""

    day: Projection | None
    month: Projection | None
    history: History | None = None
    found: Forecast | None = None
    days: int = 0


def realtime(questions: Questions, now: datetime) -> dict[str, Any]:
    """Seven questions, those of the forecast, of the drivers and of each budget, and the newest lines of the ledger."""
    zone = questions.organization.reporting_timezone
    running = running_now(questions, now, zone)
    ahead = projections(questions, running)
    groups = {name: _drivers(questions, running, name) for name in DRIVERS}
    lines = list(recent_lines(questions, now))
    scope = questions.scope
    return {
        "generated_at": now, "data_version": scope.version, "rollup_lag_s": scope.lag_s, "currency": scope.currency,
        "timezone": zone, "stale": running.stale,
        "today": running.today, "month_to_date": running.month_to_date, **_beside(questions, running),
        "projected_day": ahead.day, "projected_month": ahead.month,
        "budgets": lasting(questions, now, is_far=False),
        "top_drivers": [_drive(name, group) for name, found in groups.items() for group in found],
        "labels": labels_of(*groups.values()),
        "recent_transactions": lines,
        "ledger_lag_s": fleet(now).resources.ledger_lag_s,
        "notes": list(questions.notes),
    }  # fmt: skip


def running_now(questions: Questions, now: datetime, zone: str) -> Running:
    """Two questions, one on the first of a month."""
    where = windows.zone(zone)
    end = next_quarter(now)
    today, month = (windows.floor(now, grain, where) for grain in ("day", "month"))
    result = _ask(questions, zone, today, end)
    of_today: Any = result.totals["cost"]
    of_month: Any = of_today if today == month else _cost(questions, zone, month, end)
    return Running(zone, now, today, month, windows.following(month, "month", where), of_today, of_month, result.stale)


def _beside(questions: Questions, running: Running) -> dict[str, Decimal]:
    """This hour, the last four quarter-hours that are over, yesterday (all of it, and up to the same time), last month.
    Five questions."""
    zone, now, today = running.zone, running.now, running.today_start
    where = windows.zone(zone)
    end = next_quarter(now)
    yesterday = windows.floor(today - HOUR, "day", where)
    windows_of = {
        "cost_this_hour": (windows.floor(now, "hour", where), end),
        "velocity_per_hour": (end - timedelta(minutes=75), end - timedelta(minutes=15)),
        "yesterday": (yesterday, today),
        "yesterday_by_now": (yesterday, min(yesterday + (end - today), today)),
        "last_month": (running.last_month_start, running.month_start),
    }
    return {name: _cost(questions, zone, *window) for name, window in windows_of.items()}


def _cost(questions: Questions, zone: str, start: datetime, end: datetime) -> Decimal:
    found: Any = _ask(questions, zone, start, end).totals["cost"]
    return found


def _ask(questions: Questions, zone: str, start: datetime, end: datetime, **more: Any) -> Result:
    return questions.ask(Query(measures=("cost",), start=start, end=end, timezone=zone, **more))


def projections(questions: Questions, spent: Running) -> Outlook:
    """Day and month as the forecast of the days expects them. Of today the day takes the part of its cost that is still
    to come at this hour, the month that of its hours: as budgets do. The month is what the company's own budget of it
    expects, where there is one. Two questions, and two queries for that budget."""
    where = windows.zone(spent.zone)
    days, at = 0, spent.today_start
    while at < spent.month_end:
        days, at = days + 1, windows.following(at, "day", where)
    history, found = outlook(questions, "cost", "day", spent.zone, spent.now, horizon=days + SPARE["day"])
    if found is None or history.end != spent.today_start:
        questions.note(NO_PROJECTION)
        return Outlook(None, None)
    tomorrow = windows.following(spent.today_start, "day", where)
    left = (tomorrow - spent.now) / (tomorrow - spent.today_start)
    month = _projected(found, spent.month_to_date, left, days)
    return Outlook(
        _projected(found, spent.today, 1.0 - passed(questions, spent), 1),
        _budgeted(questions, spent, month), history, found, days,
    )  # fmt: skip


def _budgeted(questions: Questions, spent: Running, month: Projection) -> Projection:
    """The month as the company's budget of it expects it, by its counter and its stored forecast, so that every page
    says the same number. `month` itself for who does not see all of the company, without such a budget, and where lines
    are in other currencies, which budgets leave out. The intervals are as wide as those of `month`; that which budgets
    show is the budget's own."""
    organization = questions.organization
    if organization.pk not in questions.scope.wide or questions.scope.has_foreign:
        return month
    budget = Budget.objects.visible_to(questions.user).filter(
        organization=organization, archived_at=None, scope=ORGANIZATION, period=BudgetPeriod.MONTH,
        currency=organization.currency, timezone=spent.zone, tracked_from__lte=spent.month_start,
    ).order_by("created_at", "id").first()  # fmt: skip
    usage = usage_of([budget], spent.now)[0].first if budget is not None else None
    if usage is None or usage.outlook is None:
        return month
    mean, lower, upper = usage.outlook.expected, usage.outlook.lower, usage.outlook.upper
    if mean is None or lower is None or upper is None:
        return month
    moved, intervals = mean - month.mean, []
    for one in month.intervals:
        bounds: tuple[Any, Any] = (lower, upper) if one.level == LEVEL else (one.lower, one.upper)
        if one.level != LEVEL:
            bounds = (max(usage.spent, moved + bounds[0]), moved + bounds[1])
        intervals.append(Interval(one.level, *bounds))
    return Projection(mean, intervals)


def passed(questions: Questions, spent: Running) -> float:
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


def _drivers(questions: Questions, spent: Running, dimension: str) -> Sequence[Group]:
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
