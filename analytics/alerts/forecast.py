"""Forecasts as a source of alerts: what a measure is expected to reach by the end of the running month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from analytics.alerts.metric import shown
from analytics.alerts.models import AlertRule, Baseline, Comparison
from analytics.alerts.reading import Reading
from analytics.answers.questions import Questions
from analytics.labels import spoken
from analytics.metrics import MEASURES
from analytics.outlook.models import ForecastRun
from analytics.outlook.runs import MEASURES as FORECAST
from analytics.outlook.runs import ORGANIZATION, PROJECT, TEAM, WEEK_DAYS
from analytics.query import Query
from analytics.query import window as windows
from analytics.query.scope import operator
from gateway.choices import LimitScope
from gateway.scopes import is_each
from gateway.services.errors import Invalid

LEVELS = {LimitScope.ORGANIZATION: ORGANIZATION, LimitScope.TEAM: TEAM, LimitScope.PROJECT: PROJECT}
SUBJECTS = 100
UNNAMED = ("none", "other")
STALE = timedelta(days=7)
"""A forecast so old tells nothing any more."""


@dataclass(frozen=True, slots=True)
class Month:
    """The running month in the organization's zone; `today` is the start of the day that still fills."""

    start: datetime
    today: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def name(self) -> str:
        return f"{self.start.astimezone(self.zone):%B %Y}"


class ForecastSource:
    """The source `forecast`: one subject for the scope and month, or for each team or project. Days that are over count
    as they were, the others as the newest stored forecast expects them, today at least as much as it has already."""

    name = "forecast"
    label = "A forecast of the month"

    def check(self, rule: AlertRule) -> None:
        """Raises `Invalid` for what no forecasts are stored of."""
        if rule.measure not in FORECAST:
            message = f"Forecasts are stored of {', '.join(FORECAST)}."
            raise Invalid("unknown_measure", message, field="measure")
        if rule.threshold is None:
            raise Invalid("threshold_missing", "A forecast needs a threshold.", field="threshold")
        if rule.scope not in LEVELS or (rule.scope != LimitScope.ORGANIZATION and rule.measure != "cost"):
            message = "Forecasts are of the organization; of teams and projects those of cost."
            raise Invalid("scope_unknown", message, field="scope")
        if rule.baseline != Baseline.STATIC:
            raise Invalid("baseline_invalid", "A forecast is compared with a fixed threshold.", field="baseline")
        if rule.parameters:
            raise Invalid("parameters_invalid", "Forecasts take no parameters.", field="parameters")

    def readings(self, rule: AlertRule, now: datetime) -> list[Reading]:
        """Two statements, one more for the names where each is watched. Raises QueryError."""
        month = month_of(rule.organization.reporting_timezone, now)
        runs = newest(rule, month)
        spent, today = _measured(rule, month, now)
        each = is_each(rule.scope_value)
        names = spoken(rule.scope, [run.subject for run in runs]) if each else {}
        found = [_reading(rule, run, month, spent, today, names if each else None) for run in runs]
        if not found and not each:
            text = f"{MEASURES[rule.measure].label}: there is no forecast yet."
            return [Reading(_subject("", month), "", None, None, rule.threshold, text)]
        return found


def month_of(zone: str, now: datetime) -> Month:
    where = windows.zone(zone)
    start = windows.floor(now, "month", where)
    return Month(start, windows.floor(now, "day", where), windows.following(start, "month", where), where)


def newest(rule: AlertRule, month: Month) -> list[ForecastRun]:
    """Runs of the rule's subjects with the newest origin of the last week. One statement."""
    zone = rule.organization.reporting_timezone
    rows = ForecastRun.objects.filter(
        organization=rule.organization_id, measure=rule.measure, grain="day", zone=zone, level=LEVELS[rule.scope],  # type: ignore[index]  # checked
        origin_at__lte=month.today, origin_at__gt=month.today - STALE,
    )  # fmt: skip
    if is_each(rule.scope_value):
        rows = rows.exclude(subject__in=UNNAMED)
    elif rule.scope != LimitScope.ORGANIZATION:
        rows = rows.filter(subject=rule.scope_value)
    origin = rows.order_by("-origin_at").values("origin_at")[:1]
    return list(rows.filter(origin_at=origin).order_by("-total__mean", "id")[:SUBJECTS])


def _measured(rule: AlertRule, month: Month, now: datetime) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Of the month's days that are over, and of today, by subject. One question by day."""
    scope = rule.scope
    dimension = () if scope == LimitScope.ORGANIZATION else (scope,)
    result = Questions(operator(), rule.organization).ask(
        Query(measures=(rule.measure,), start=month.start, end=now, granularity="day", dimensions=dimension,
              timezone=rule.organization.reporting_timezone, limit=SUBJECTS, order=f"-{rule.measure}")
    )  # fmt: skip
    spent: dict[str, Decimal] = {}
    today: dict[str, Decimal] = {}
    for point in result.series:
        subject = str(point.dimensions[scope]) if dimension else ""
        value = Decimal(str(point.measures[rule.measure] or 0))
        into = today if point.time >= month.today else spent
        into[subject] = into.get(subject, Decimal(0)) + value
    return spent, today


def _reading(
    rule: AlertRule,
    run: ForecastRun,
    month: Month,
    spent: dict[str, Decimal],
    today: dict[str, Decimal],
    names: dict[str, str] | None,
) -> Reading:
    done = spent.get(run.subject, Decimal(0))
    rest = expected(run, month, today.get(run.subject, Decimal(0)))
    value, threshold, currency = done + rest, rule.threshold or Decimal(0), rule.organization.currency
    label = "" if names is None else names.get(run.subject, run.subject)
    of = f"{MEASURES[rule.measure].label}{f' of {label}' if label else ''}"
    text = (
        f"{of} is expected to be {shown(rule.measure, value, currency)} in {month.name}; the threshold is "
        f"{rule.get_comparison_display()} {shown(rule.measure, threshold, currency)}."
    )
    is_breached = value > threshold if rule.comparison == Comparison.ABOVE else value < threshold
    subject = _subject(run.subject if names is not None else "", month)
    return Reading(subject, label, is_breached, round(value, 10), threshold, text[:500])


def expected(run: ForecastRun, month: Month, today: Decimal) -> Decimal:
    """Of the days from today to the end of the month. A day beyond the run counts as the one a week before."""
    mean: Sequence[float] = run.mean
    at, step, found = run.origin_at, 0, Decimal(0)
    while at < month.end:
        while step >= len(mean):
            mean = [*mean, mean[-min(WEEK_DAYS, len(mean))]]
        if at >= month.today:
            day = Decimal(str(mean[step]))
            found += max(day, today) if at == month.today else day
        at, step = windows.following(at, "day", month.zone), step + 1
    return found


def _subject(subject: str, month: Month) -> str:
    """The month is part of it, so that the next one tells again."""
    return f"{subject} {month.start.astimezone(month.zone):%Y-%m}".strip()
