"""What is going to be spent, and until when budgets last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from analytics.answers.forecasts import forecast
from analytics.answers.predictive import FARTHEST, LASTS, LEFT_OUT, MOST_BUDGETS, Exhaustion, exhaustion
from analytics.answers.questions import Questions
from analytics.outlook.crossing import ahead_of
from analytics.outlook.history import outlook
from analytics.query import Filter
from gateway.console import SpendingLimit, providers

Crossings = tuple[datetime | None, datetime | None, datetime | None]
MONTH_S = 86_400 * 365.2425 / 12


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a budget lasts: `exhaustion` within its running period, and in how many months from now it is used up,
    in that or in a later period; `earliest` and `latest` bound it with 80 % probability. None: not within a year, with
    the reason in `exhaustion.note`."""

    exhaustion: Exhaustion
    months: float | None
    earliest_months: float | None
    latest_months: float | None


def cost_forecast(
    questions: Questions,
    *,
    granularity: str,
    horizon: int,
    levels: Sequence[float],
    timezone: str,
    filters: Sequence[Filter],
    now: datetime,
) -> dict[str, Any]:
    """The answer of `analytics/forecast` for cost, with the budgets that the person sees. Raises QueryError."""
    budgets = lasting(questions, now)
    body = forecast(
        questions, metric="cost", granularity=granularity, horizon=horizon, levels=levels, timezone=timezone,
        filters=filters,
    )  # fmt: skip
    return {**body, "budgets": budgets}


def lasting(questions: Questions, now: datetime, *, is_far: bool = True) -> list[Lasting]:
    """The first `MOST_BUDGETS` budgets by name. A question for each; with `is_far` another one, about the year's later
    periods, for one that lasts until it begins anew."""
    zone = questions.organization.reporting_timezone
    limits = [each for p in providers() for each in p.spending_limits(questions.user, questions.organization, now)]
    if len(limits) > MOST_BUDGETS:
        questions.note(LEFT_OUT)
    return [
        _lasting(questions, limit, exhaustion(questions, limit, zone, now), now, is_far=is_far)
        for limit in limits[:MOST_BUDGETS]
    ]


def _lasting(questions: Questions, limit: SpendingLimit, found: Exhaustion, now: datetime, *, is_far: bool) -> Lasting:
    times = found.exhausts_at, found.earliest, found.latest
    if is_far and found.note == LASTS and limit.later:
        later = _later(questions, limit, now)
        times = later[0], found.earliest or later[1], later[2]
        if later[0] is not None:
            text = f"{LASTS} It is expected to be used up on {later[0]:%Y-%m-%d}, in a later period."
            found = replace(found, note=text)
    return Lasting(found, *(_months(at, now) for at in times))


def _later(questions: Questions, limit: SpendingLimit, now: datetime) -> Crossings:
    """When the first of the later periods is used up: as expected, at the upper and at the lower bound of its cost."""
    days = min(FARTHEST, (limit.later[-1][1] - now).days + 2)
    filters = (Filter(limit.dimension, "in", limit.values),) if limit.dimension else ()
    zone = questions.organization.reporting_timezone
    history, forecast = outlook(questions, "cost", "day", zone, now, horizon=days, filters=filters)
    if forecast is None:
        return None, None, None
    ahead = ahead_of(history, forecast)
    found: list[datetime | None] = [None, None, None]
    for start, end, amount in limit.later:
        if start >= ahead.end:
            break
        for place, at in enumerate(ahead.reaches(float(amount), start)):
            if found[place] is None and at is not None and at < end:
                found[place] = at
    return found[0], found[1], found[2]


def _months(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else round((at - now).total_seconds() / MONTH_S, 3)
