"""Forecasts of what budgets will have cost: made in the background, read from the row with what is spent by now.

Of each budget once an hour, by whoever claims its organization; once a day where there is nothing to forecast from.
Days are forecast, of daily budgets hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import structlog
from django.db import transaction
from django.db.models import F, Q

from analytics.answers.questions import Questions
from analytics.answers.scopes import filter_of
from analytics.forecasting import Forecast
from analytics.outlook.crossing import Ahead, ahead_of
from analytics.outlook.history import Grain, History, outlook, predict, read
from analytics.query import Filter, QueryError
from analytics.query import window as windows
from analytics.query.scope import operator
from costs.choices import BudgetPeriod
from costs.models import Budget, BudgetForecast
from gateway.choices import LimitScope
from gateway.models import Organization, VirtualKey
from gateway.scopes import KEY, is_each
from gateway.services import jobs
from gateway.services.scopes import keys_of

log = structlog.get_logger(__name__)
KIND = "costs.budget_forecasts"
LEASE_S = 1_800
EVERY = timedelta(hours=1)
EVERY_NONE = timedelta(days=1)
SUBJECTS = 100
FARTHEST = 366
REACH = timedelta(days=FARTHEST)
SPARE = {"hour": 24, "day": 3}
"""Steps beyond the end of the period: a row is read until the next one is made."""
LEAST = {"hour": 24, "day": 4}
"""Closed steps that a forecast takes at least."""
OTHER_CURRENCY = "Its currency is another than the organization's, in which cost is forecast."
NOT_KEPT = "Its cost is not kept by what it is about."


def forecast_all(now: datetime | None = None) -> int:
    """Forecast every budget that is due; returns how many. Each once, however many do the same."""
    at = now or datetime.now(UTC)
    done = 0
    for organization in Organization.objects.filter(archived_at=None).order_by("pk"):
        budgets = due(organization, at)
        job = jobs.claim(KIND, f"{organization.pk}:{at:%Y-%m-%dT%H:%M}", LEASE_S) if budgets else None
        if job is None:
            continue
        try:
            with transaction.atomic():
                done += forecast_budgets(organization, budgets, at)
                jobs.finish(job, {"budgets": len(budgets)})
        except jobs.ClaimLost:
            log.warning("budget_forecast_claim_lost", organization=str(organization.pk))
        except Exception as error:
            log.exception("budget_forecast_failed", organization=str(organization.pk))
            jobs.fail(job, f"{type(error).__name__}: {error}")
    return done


def due(organization: Organization, now: datetime) -> list[Budget]:
    """Live budgets without a forecast of the last hour. One that has none for a reason that takes a day to pass, or a
    change of the budget, waits as long. One query."""
    known = BudgetForecast.objects.filter(budget__organization=organization)
    fresh = known.filter(made_at__gt=now - EVERY)
    lasting = known.filter(
        Q(grain="day") | Q(note__in=(OTHER_CURRENCY, NOT_KEPT)), mean=[], made_at__gt=now - EVERY_NONE,
        made_at__gte=F("budget__updated_at"),
    )  # fmt: skip
    foretold = known.exclude(mean=[])
    rows = Budget.objects.filter(organization=organization, archived_at=None)
    waits = Q(pk__in=lasting.values("budget")) & ~Q(pk__in=foretold.values("budget"))
    return list(rows.exclude(pk__in=fresh.values("budget")).exclude(waits))


def forecast_budgets(organization: Organization, budgets: Sequence[Budget], now: datetime) -> int:
    """Make and store the forecasts of `budgets`; returns of how many budgets. A question for each."""
    questions = Questions(operator(), organization, is_fresh=True)
    keys = keys_of(
        organization, (one.scope_value for one in budgets if one.scope == KEY and not is_each(one.scope_value))
    )
    for budget in budgets:
        rows = _rows(questions, budget, keys, now)
        BudgetForecast.objects.filter(budget=budget).exclude(subject__in=[row.subject for row in rows]).delete()
        BudgetForecast.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["budget", "subject"],
            update_fields=["grain", "origin_at", "mean", "half_width", "method", "low_confidence", "note", "made_at"],
        )  # fmt: skip
    return len(budgets)


# ---- reading -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Expected:
    """A stored forecast. `ahead` None: there is none, for the reason in `note`."""

    ahead: Ahead | None
    note: str
    low_confidence: bool


def stored(budgets: Iterable[Budget], subjects: Iterable[str]) -> dict[tuple[UUID, str], BudgetForecast]:
    """By budget and subject, of `subjects` and of whole budgets. One query, none without budgets."""
    wanted = [budget.pk for budget in budgets]
    if not wanted:
        return {}
    rows = BudgetForecast.objects.filter(budget_id__in=wanted, subject__in={"", *subjects})
    return {(row.budget_id, row.subject): row for row in rows}


def expected_of(row: BudgetForecast, zone: str) -> Expected:
    """What a stored forecast of a budget in `zone` says."""
    if not row.mean:
        return Expected(None, row.note, False)
    where, starts = windows.zone(zone), [row.origin_at]
    grain: Grain = "hour" if row.grain == "hour" else "day"
    for _ in row.mean:
        starts.append(windows.following(starts[-1], grain, where))
    ahead = Ahead(starts, np.asarray(row.mean, dtype=np.float64), row.half_width)
    return Expected(ahead, "", row.low_confidence)


# ---- making --------------------------------------------------------------------------------------------------------
def _rows(
    questions: Questions, budget: Budget, keys: dict[str, tuple[str, ...]], now: datetime
) -> list[BudgetForecast]:
    """One a subject; one without a subject says why there is none. Never empty."""
    grain: Grain = "hour" if budget.period == BudgetPeriod.DAY else "day"
    if budget.currency != questions.organization.currency:
        return [_none(budget, "", grain, now, OTHER_CURRENCY)]
    if budget.scope not in LimitScope.values:
        return [_none(budget, "", grain, now, NOT_KEPT)]
    try:
        if is_each(budget.scope_value):
            found = _each(questions, budget, grain, now)
            return [_row(budget, subject, grain, history, None, now) for subject, history in found.items()] or [
                _none(budget, "", grain, now, _too_short(grain, 0))
            ]
        dimension, values = filter_of(budget.scope, budget.scope_value, keys.get(budget.scope_value, ()))
        filters = (Filter(dimension, "in", values),) if dimension else ()
        history, forecast = outlook(
            questions, "cost", grain, budget.timezone, now, horizon=_horizon(budget, grain, now), filters=filters
        )
        return [_row(budget, "", grain, history, forecast, now)]
    except QueryError:
        return [_none(budget, "", grain, now, NOT_KEPT)]


def _each(questions: Questions, budget: Budget, grain: Grain, now: datetime) -> dict[str, History]:
    """Histories of the subjects with most cost, as the counters name them. Raises QueryError."""
    scope, tag = budget.scope, budget.scope_value.partition("=")[0]
    dimension = {LimitScope.TAG: f"tag.{tag}", LimitScope.KEY: "api_key"}.get(scope, scope)  # type: ignore[call-overload]
    found: dict[str, History] = {}
    histories = read(questions, ["cost"], grain, budget.timezone, now, dimensions=(dimension,), limit=SUBJECTS)
    named = {str(history.dimensions[dimension]): history for history in histories if history.dimensions[dimension]}
    first = _first_keys(named) if scope == LimitScope.KEY else {}
    for value, history in named.items():
        subject = f"{tag}={value}" if scope == LimitScope.TAG else first.get(value, value)
        found[subject] = found[subject].plus(history) if subject in found else history
    return found


def _first_keys(values: Iterable[str]) -> dict[str, str]:
    """Key → the first of its rotation."""
    known = [UUID(value) for value in values if len(value) == 36]
    return {str(key.pk): str(key.lineage) for key in VirtualKey.objects.filter(pk__in=known).only("id", "lineage_id")}


def _row(
    budget: Budget, subject: str, grain: Grain, history: History, found: Forecast | None, now: datetime
) -> BudgetForecast:
    if history.is_empty or len(history.values) < LEAST[grain]:
        return _none(budget, subject, grain, now, _too_short(grain, len(history.values)))
    found = found or predict(history, _horizon(budget, grain, now))
    return BudgetForecast(
        budget=budget, subject=subject, grain=grain, origin_at=history.end, mean=found.mean.tolist(),
        half_width=ahead_of(history, found).half, method=found.method, low_confidence=found.low_confidence, made_at=now,
    )  # fmt: skip


def _none(budget: Budget, subject: str, grain: Grain, now: datetime, note: str) -> BudgetForecast:
    return BudgetForecast(budget=budget, subject=subject, grain=grain, origin_at=now, note=note, made_at=now)


def _too_short(grain: Grain, steps: int) -> str:
    return f"There are {steps} whole {grain}s of cost; a forecast takes {LEAST[grain]}."


def _horizon(budget: Budget, grain: Grain, now: datetime) -> int:
    """Steps to the end of the period and a few beyond, a year at most."""
    length = timedelta(hours=1) if grain == "hour" else timedelta(days=1)
    _, end = budget.rule.window(now)
    return min((end - now) // length + 1 + SPARE[grain], FARTHEST)
