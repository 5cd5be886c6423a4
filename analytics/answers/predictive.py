"""What lies ahead of the whole: growth, when budgets run out and rate limits are reached, and what of it is a risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from analytics.answers.capacity import NOT_ASKED, PARTIAL, REACHED, Capacity, capacity, caps, sees_all
from analytics.answers.forecasts import ExpectedTotal, Whole, agreed, total
from analytics.answers.questions import Questions
from analytics.forecasting import Forecast
from analytics.outlook.crossing import ahead_of
from analytics.outlook.history import History, outlook
from analytics.query import Filter, Note, QueryError
from gateway.console import SpendingLimit, providers

MEASURES = ("cost", "requests", "total_tokens")
DAYS = 30
FARTHEST = 366
MOST_BUDGETS, MOST_CAPS = 25, 20
GROWS_FAST = 0.25
LEFT_OUT = Note(
    "limits_left_out", f"Of budgets the first {MOST_BUDGETS} by name are told, of rate limits the first {MOST_CAPS}."
)
NOTHING_SPENT = "Nothing was spent on it before."
LASTS = "It lasts until it begins anew."
WORDS = {"cost": "Cost grows", "requests": "Requests grow", "total_tokens": "Tokens grow"}
USED_UP = "It is used up."
BEYOND = f"It lasts for {FARTHEST} days at least."


@dataclass(frozen=True, slots=True)
class Growth:
    """The next 30 days of a measure; `change` of the mean day against the weeks before."""

    measure: str
    total: ExpectedTotal
    change: float | None
    low_confidence: bool


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """When a budget runs out: `exhausts_at` at the expected pace, within [`earliest`, `latest`] with 80 % probability;
    None beyond its period, with the reason in `note`."""

    id: str
    name: str
    limit: Decimal
    spent: Decimal
    resets_at: datetime | None
    exhausts_at: datetime | None
    earliest: datetime | None
    latest: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class Risk:
    """Something to act on; `severity` is `high` or `medium`."""

    kind: str
    severity: str
    subject: str
    message: str


def predictive(questions: Questions, now: datetime) -> dict[str, Any]:
    """Three questions, the providers' budgets and the rate limits, and a question for each of those. Raises
    QueryError."""
    zone = questions.organization.reporting_timezone
    growth = []
    for measure in MEASURES:
        history, found = outlook(questions, measure, "day", zone, now, horizon=DAYS)
        if found is not None:
            whole = agreed(questions, history, found) if measure == "cost" else Whole(found, None, [])
            shown = whole.found or found
            growth.append(Growth(measure, total(measure, shown, whole.total), shown.trend, shown.low_confidence))
    limits = [each for p in providers() for each in p.spending_limits(questions.user, questions.organization, now)]
    rates = caps(questions, now)
    if len(limits) > MOST_BUDGETS or len(rates) > MOST_CAPS:
        questions.note(LEFT_OUT)
    budgets = [exhaustion(questions, limit, zone, now) for limit in limits[:MOST_BUDGETS]]
    capacities = [capacity(questions, cap, zone, now) for cap in rates[:MOST_CAPS]]
    scope = questions.scope
    return {
        "generated_at": now, "data_version": scope.version, "rollup_lag_s": scope.lag_s, "currency": scope.currency,
        "timezone": zone, "stale": False, "growth": growth, "budgets": budgets, "capacity": capacities,
        "risks": risks(growth, budgets, capacities), "notes": list(questions.notes),
    }  # fmt: skip


def exhaustion(questions: Questions, limit: SpendingLimit, zone: str, now: datetime) -> Exhaustion:
    """When one budget runs out. A question, none for one that is used up or reaches beyond what the person sees."""

    def answer(note: str, *times: datetime | None) -> Exhaustion:
        at, earliest, latest = times or (None, None, None)
        return Exhaustion(
            limit.id, limit.name, limit.amount, limit.spent, limit.resets_at, at, earliest, latest, note
        )  # fmt: skip

    if limit.spent >= limit.amount:
        return answer(USED_UP)
    if not sees_all(questions, limit.dimension, limit.values, limit.team):
        return answer(PARTIAL)
    days = FARTHEST if limit.resets_at is None else (limit.resets_at - now).days + 2
    filters = (Filter(limit.dimension, "in", limit.values),) if limit.dimension else ()
    try:
        history, found = outlook(
            questions, "cost", "day", zone, now, horizon=max(1, min(days, FARTHEST)), filters=filters
        )
    except QueryError:
        return answer(NOT_ASKED)
    if found is None:
        return answer(NOTHING_SPENT)
    times = crossings(history, found, float(limit.amount - limit.spent), now)
    end = limit.resets_at
    expected, earliest, latest = (at if at and (end is None or at < end) else None for at in times)
    return answer("" if expected else LASTS if end else BEYOND, expected, earliest, latest)


def crossings(
    history: History, found: Forecast, left: float, now: datetime
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """When the cost from now on reaches `left`: expected, at the upper and at the lower bound of the sum at 80 %."""
    return ahead_of(history, found).reaches(left, now)


def risks(growth: Sequence[Growth], budgets: Sequence[Exhaustion], capacities: Sequence[Capacity]) -> list[Risk]:
    """Grave ones first, then in the order given. A shadow limit refuses nothing: it is never grave."""
    found = [risk for each in budgets if (risk := _of_budget(each))]
    found += [risk for each in capacities if (risk := _of_capacity(each))]
    found += [
        Risk("growth", "medium", each.measure, f"{WORDS[each.measure]} by {each.change:.0%} in the next {DAYS} days.")
        for each in growth
        if each.change is not None and each.change >= GROWS_FAST
    ]
    return sorted(found, key=lambda risk: risk.severity != "high")


def _of_budget(each: Exhaustion) -> Risk | None:
    if each.note == USED_UP:
        return Risk("budget", "high", each.name, f"{each.name} is used up.")
    if each.exhausts_at:
        text = f"{each.name} is expected to be used up on {each.exhausts_at:%Y-%m-%d}."
        return Risk("budget", "high", each.name, text)
    if each.earliest:
        text = f"{each.name} may be used up as early as {each.earliest:%Y-%m-%d}."
        return Risk("budget", "medium", each.name, text)
    return None


def _of_capacity(each: Capacity) -> Risk | None:
    severity = "medium" if each.is_shadow else "high"
    limit = f"{each.name} ({each.limit:,} {each.unit.replace('_', ' ')})"
    if each.note == REACHED:
        return Risk("capacity", severity, each.name, f"{limit} was reached in the last days.")
    if each.reached_at:
        return Risk(
            "capacity", severity, each.name, f"{limit} is expected to be reached on {each.reached_at:%Y-%m-%d}."
        )
    if each.earliest:
        text = f"{limit} may be reached as early as {each.earliest:%Y-%m-%d}."
        return Risk("capacity", "medium", each.name, text)
    return None
