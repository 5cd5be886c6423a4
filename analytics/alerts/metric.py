"""Any measure over any filters against a threshold, or against what it was before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone as clock

from analytics.alerts.models import AlertRule, Baseline, Comparison
from analytics.alerts.reading import Reading
from analytics.console import format
from analytics.labels import spoken
from analytics.metrics import MEASURES
from analytics.query import Filter, Query, QueryError, run
from analytics.query.scope import operator
from gateway.choices import LimitScope
from gateway.models import VirtualKey
from gateway.scopes import is_each
from gateway.services.errors import Invalid

QUARTER = timedelta(minutes=15)
SETTLING = timedelta(minutes=2)
"""How long after its end a quarter-hour may still lack requests that are being rolled up."""
WEEK = timedelta(days=7)
SUBJECTS = 100
DIMENSIONS = {
    LimitScope.TEAM: "team", LimitScope.PROJECT: "project", LimitScope.KEY: "api_key", LimitScope.USER: "user",
    LimitScope.END_USER: "end_user", LimitScope.MODEL: "model",
}  # fmt: skip


class MetricSource:
    """The source `metric`."""

    name = "metric"
    label = "A metric"

    def check(self, rule: AlertRule) -> None:
        """Raises `Invalid` for what the metrics layer cannot answer."""
        if rule.measure not in MEASURES:
            raise Invalid("unknown_measure", f"There is no measure {rule.measure!r}.", field="measure")
        if rule.threshold is None:
            raise Invalid("threshold_missing", "A metric needs a threshold.", field="threshold")
        if rule.window_minutes % 15 or not 15 <= rule.window_minutes <= 44_640:
            message = "The window is a multiple of 15 minutes, at most 31 days."
            raise Invalid("window_invalid", message, field="window_minutes")
        try:
            self.readings(rule, clock.now())
        except QueryError as error:
            raise Invalid(error.code, error.message, field="filters") from None

    def readings(self, rule: AlertRule, now: datetime) -> list[Reading]:
        """One for the scope, or for each subject of it with traffic. One or two statements. Raises QueryError."""
        start, end = window(rule, now)
        dimension = _dimension(rule) if is_each(rule.scope_value) else None
        asked = ["requests"] if rule.measure == "requests" else [rule.measure, "requests"]
        result = run(
            operator(),
            Query(
                measures=asked, start=start, end=end, organization=rule.organization,
                dimensions=(dimension,) if dimension else (), filters=_filters(rule), limit=SUBJECTS,
                compare_to=_compared(rule, start, end), order="-requests" if dimension else None,
            ),
        )  # fmt: skip
        if dimension is None:
            return [_reading(rule, "", "", result.totals, result.previous_totals, result.currency)]
        groups = [g for g in result.groups if not g.is_other and g.dimensions[dimension] is not None]
        names = spoken(dimension, (group.dimensions[dimension] for group in groups))
        return [
            _reading(rule, key, names.get(key, key), group.measures, group.previous, result.currency)
            for group in groups
            for key in [str(group.dimensions[dimension])]
        ]


def window(rule: AlertRule, now: datetime) -> tuple[datetime, datetime]:
    """Whole quarter-hours. Above a fixed threshold the running one counts, so that a breach is found within the
    minute; else it would make every figure look low, so the last full one is the end."""
    is_open = rule.comparison == Comparison.ABOVE and rule.baseline == Baseline.STATIC
    last = now if is_open else now - SETTLING
    end = last.replace(minute=last.minute // 15 * 15, second=0, microsecond=0) + (QUARTER if is_open else timedelta(0))
    return end - timedelta(minutes=rule.window_minutes), end


def _compared(rule: AlertRule, start: datetime, end: datetime) -> Any:
    if rule.baseline == Baseline.STATIC:
        return "none"
    return "previous_period" if rule.baseline == Baseline.PREVIOUS else (start - WEEK, end - WEEK)


def _dimension(rule: AlertRule) -> str:
    if rule.scope == LimitScope.TAG:
        return f"tag.{rule.scope_value.partition('=')[0]}"
    return DIMENSIONS[LimitScope(rule.scope)]


def _filters(rule: AlertRule) -> list[Filter]:
    found = [Filter(item["dimension"], item["op"], tuple(item["values"])) for item in rule.filters]
    if rule.scope == LimitScope.ORGANIZATION or is_each(rule.scope_value):
        return found
    if rule.scope == LimitScope.KEY:  # a scope names the first key of a rotation
        mine = Q(pk=rule.scope_value) | Q(lineage_id=rule.scope_value)
        keys = VirtualKey.objects.filter(mine, organization=rule.organization_id).values_list("pk", flat=True)
        return [*found, Filter("api_key", "in", tuple(keys))]
    value = rule.scope_value.partition("=")[2] if rule.scope == LimitScope.TAG else rule.scope_value
    return [*found, Filter(_dimension(rule), "eq", (value,))]


def _reading(
    rule: AlertRule, subject: str, label: str, now: Mapping[str, Any], before: Mapping[str, Any] | None, currency: str
) -> Reading:
    value, seen = now[rule.measure], int(now["requests"] or 0)
    threshold = rule.threshold
    assert threshold is not None
    of = f"{MEASURES[rule.measure].label}{f' of {label}' if label else ''}"
    if value is None or seen < rule.minimum_requests:
        return Reading(subject, label, None, None, threshold, f"{of}: nothing measured, or too few requests.")
    if rule.baseline == Baseline.STATIC:
        found = Decimal(str(value))
        text = f"{of} is {shown(rule.measure, found, currency)}; the threshold is {_limit(rule, currency)}."
    else:
        old = None if before is None else before[rule.measure]
        if not old:
            return Reading(subject, label, None, None, threshold, f"{of}: there is nothing to compare with.")
        found = Decimal(str(value)) / Decimal(str(old)) - 1
        text = (
            f"{of} is {shown(rule.measure, Decimal(str(value)), currency)}, {found:+.1%} against "
            f"{rule.get_baseline_display()} ({shown(rule.measure, Decimal(str(old)), currency)})."
        )
    is_breached = found > threshold if rule.comparison == Comparison.ABOVE else found < threshold
    return Reading(subject, label, is_breached, round(found, 10), threshold, text[:500])


def _limit(rule: AlertRule, currency: str) -> str:
    return f"{rule.get_comparison_display()} {shown(rule.measure, rule.threshold or Decimal(0), currency)}"


def shown(measure: str, value: Decimal, currency: str) -> str:
    """A figure as people read it."""
    match MEASURES[measure].format:
        case "money":
            return format.money_short(value, currency)
        case "percent":
            return format.percent(float(value))
        case "duration":
            return format.duration(float(value))
    return format.compact(round(float(value), 3))
