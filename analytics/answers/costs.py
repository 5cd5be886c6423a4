"""What it cost, of what the cost is made, and how it moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from analytics.answers.forecasts import ExpectedPoint, agreed, points
from analytics.answers.overview import by
from analytics.answers.questions import Questions, common, groups_without, without
from analytics.metrics import MEASURES as METRICS
from analytics.outlook.history import outlook
from analytics.query import Note, Point, Query, Result, Value
from analytics.query.plan import make_plan
from gateway.conversion import Conversion, conversion

MEASURES = (
    "cost", "list_cost", "input_cost", "output_cost", "cache_cost", "saved_by_cache", "retry_cost", "failed_cost",
    "requests", "total_tokens", "cost_per_request", "cost_per_success", "cost_per_1k_tokens", "unpriced_requests",
    "estimated_cost_share",
)  # fmt: skip
PART_MEASURES = ("cost", "requests", "total_tokens", "cost_per_request")
PARTS = ("provider", "model", "team", "project", "user", "api_key")
TRENDS = ("cost", "requests", "total_tokens", "cost_per_request", "cost_per_1k_tokens")
FLAT = 0.01
NO_FORECAST_ABROAD = Note(
    "forecast_not_converted",
    "forecast is null: the days ahead have no exchange rate. Ask in the currency that is kept.",
)
MONEY = frozenset(name for name in MEASURES if METRICS[name].is_money)
NO_FORECAST = Note("forecast_not_available", "forecast is null: nothing was spent before under these filters.")
FORECAST_DAYS = 30


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure against the compared window. `direction`: up, down, or flat within 1 %; None without a comparison."""

    measure: str
    value: Value
    previous: Value
    change: float | None
    direction: str | None


@dataclass(frozen=True, slots=True)
class Peak:
    """The dearest bucket."""

    time: datetime
    cost: Decimal


def cost(questions: Questions, query: Query, *, currency: str | None, forecast: bool) -> dict[str, Any]:
    """The common answer with its parts and trends; days unless another granularity is asked. Seven statements besides
    the scope's and the labels', one more in another currency than the organization's: by the rates stated for the days,
    or null with a note."""
    kept, wanted = questions.scope.currency, (currency or questions.scope.currency).upper()
    query = replace(query, granularity=query.granularity or "day")
    if wanted != kept:
        query = _in_currency(questions, query, conversion(questions.organization.pk, kept, wanted))
    result = questions.ask(replace(query, measures=MEASURES))
    parts = {f"by_{name}": by(questions, query, PART_MEASURES, name) for name in PARTS}
    if wanted != kept and query.conversion is None:
        result = replace(without(result, MONEY), currency=wanted)
        parts = {name: groups_without(groups, MONEY) for name, groups in parts.items()}
    if forecast and wanted != kept:
        questions.note(NO_FORECAST_ABROAD)
    expected = _forecast(questions, query) if forecast and wanted == kept else None
    return {
        **common(questions, result, *parts.values()),
        **parts,
        "trends": [trend(result, name) for name in TRENDS],
        "peak": _peak(result.series),
        "forecast": expected,
    }


def _in_currency(questions: Questions, query: Query, rates: Conversion) -> Query:
    """The question with the rates, when they reach back far enough; not compared where they do not reach that far."""
    plan = make_plan(replace(query, measures=("cost",), organization=questions.organization), questions.scope,
                     datetime.now(UTC))  # fmt: skip
    since = rates.steps[0].start if rates.steps else None
    if since is None or since > plan.window[0]:
        have = "none was stated" if since is None else f"the first one is of {since:%Y-%m-%d}"
        questions.note(
            Note("rate_missing", f"Costs are null: no rate of {rates.base} to {rates.quote} on every day, {have}.")
        )
        return query
    if plan.previous is not None and since > plan.previous[0]:
        questions.note(Note("rate_missing", f"Nothing is compared: the first rate is of {since:%Y-%m-%d}."))
        query = replace(query, compare_to="none")
    questions.note(
        Note("converted", f"Converted from {rates.base} by the rate of each day; now {rates.steps[-1].words}.")
    )
    return replace(query, conversion=rates)


def _forecast(questions: Questions, query: Query) -> list[ExpectedPoint] | None:
    """The next 30 days from now under the same filters; None, with a note, when nothing was spent before."""
    history, found = outlook(
        questions, "cost", "day", query.timezone, datetime.now(UTC), horizon=FORECAST_DAYS, filters=query.filters
    )
    if found is None:
        questions.note(NO_FORECAST)
        return None
    whole = found if query.filters else agreed(questions, history, found).found
    return points(history, whole or found)


def trend(result: Result, name: str) -> Trend:
    """One measure of a result against the compared window."""
    previous = None if result.previous_totals is None else result.previous_totals[name]
    change = result.change.get(name)
    return Trend(name, result.totals[name], previous, change, _direction(change))


def _direction(change: float | None) -> str | None:
    if change is None:
        return None
    if abs(change) < FLAT:
        return "flat"
    return "up" if change > 0 else "down"


def _peak(series: Sequence[Point]) -> Peak | None:
    """By bucket, whatever the groups; None when nothing cost anything."""
    sums: dict[datetime, Decimal] = {}
    for point in series:
        value: Any = point.measures["cost"]
        if value is None:
            return None
        sums[point.time] = sums.get(point.time, Decimal(0)) + value
    dearest = max(sums, key=lambda at: (sums[at], at), default=None)
    return Peak(dearest, sums[dearest]) if dearest is not None and sums[dearest] else None
