"""What is going to be spent, and until when budgets last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics.answers.forecasts import forecast
from analytics.answers.predictive import LEFT_OUT, MOST_BUDGETS, Exhaustion, exhaustion
from analytics.answers.questions import Questions
from analytics.query import Filter
from gateway.console import providers

MONTH_S = 86_400 * 365.2425 / 12


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a budget lasts: `exhaustion` within its period, and the same in months from now; `earliest` and `latest`
    bound it with 80 % probability. None: longer than its period, with the reason in `exhaustion.note`."""

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


def lasting(questions: Questions, now: datetime) -> list[Lasting]:
    """The first `MOST_BUDGETS` budgets by name. A question for each."""
    zone = questions.organization.reporting_timezone
    limits = [each for p in providers() for each in p.spending_limits(questions.user, questions.organization, now)]
    if len(limits) > MOST_BUDGETS:
        questions.note(LEFT_OUT)
    found = [exhaustion(questions, limit, zone, now) for limit in limits[:MOST_BUDGETS]]
    return [
        Lasting(each, _months(each.exhausts_at, now), _months(each.earliest, now), _months(each.latest, now))
        for each in found
    ]


def _months(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else round((at - now).total_seconds() / MONTH_S, 3)
