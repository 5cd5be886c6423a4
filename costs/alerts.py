"""Budgets as a source of alerts: each threshold of a budget is a subject for each period and each of whom it is for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.alerts.models import AlertRule
from analytics.alerts.reading import Reading
from analytics.console.format import NARROW, money
from costs.choices import SnapshotState
from costs.models import Budget, PriceSnapshot
from costs.usage import Usage, usage_of
from gateway.choices import LimitScope
from gateway.services.errors import Invalid

SUBJECTS = 100
LONGEST = 300
FORECAST = "forecast"
DEFAULT_THRESHOLDS = (
    {"percent": 80, "basis": "actual"}, {"percent": 100, "basis": "actual"}, {"percent": 100, "basis": FORECAST},
)  # fmt: skip


class BudgetSource:
    """The source `budget`. A budget without thresholds of its own is told at 80 and 100 % of what is spent and when it
    is expected to be used up. The period and the amount are part of the subject, so that each threshold is told once in
    a period, and again when the amount has changed. A `forecast` threshold looks at the stored forecast to the end of
    the period; while there is none, at the linear pace, once a tenth of the period is over."""

    name = "budget"
    label = "Budgets"

    def check(self, rule: AlertRule) -> None:
        """Raises `Invalid` for a budget that is not there."""
        if set(rule.parameters) - {"budget"}:
            raise Invalid("parameters_invalid", "Budgets take the parameter budget alone.", field="parameters")
        if rule.parameters.get("budget") and not _budgets(rule).exists():
            raise Invalid("budget_not_found", "No such budget in the scope of this rule.", field="parameters")

    def readings(self, rule: AlertRule, now: datetime) -> list[Reading]:
        """From the counters that the ledger writer keeps, and stored forecasts. Three statements at most."""
        found = usage_of(_budgets(rule), now, subjects=SUBJECTS)
        return [reading for one in found for usage in one.subjects for reading in _readings(one.budget, usage, now)]


def _budgets(rule: AlertRule) -> Any:
    """The one that is named, or all in the rule's scope."""
    rows = Budget.objects.filter(organization=rule.organization_id, archived_at=None)
    if rule.team_id is not None:
        rows = rows.filter(team=rule.team_id)
    elif rule.scope != LimitScope.ORGANIZATION:
        rows = rows.filter(scope=rule.scope, scope_value=rule.scope_value)
    return rows.filter(pk=rule.parameters["budget"]) if rule.parameters.get("budget") else rows


def _readings(budget: Budget, usage: Usage, now: datetime) -> Iterator[Reading]:
    about = f"{budget.name}{f', {usage.subject}' if usage.subject else ''}"
    for threshold in budget.alert_thresholds or DEFAULT_THRESHOLDS:
        percent, basis = Decimal(str(threshold["percent"])), str(threshold["basis"])
        label = f"{about}, {percent:f}{NARROW}%{' by its end' if basis == FORECAST else ''}"
        spent = _expected(usage, now) if basis == FORECAST else usage.spent
        subject = _subject(budget, usage, basis, percent)
        if spent is None:
            text = f"{about}: there is nothing to expect anything from."
            yield Reading(subject, label, None, None, percent, text, is_once=True)
            continue
        share = spent / usage.limit * 100 if usage.limit else Decimal(100 if spent else 0)
        words = "is expected to be used by its end" if basis == FORECAST else "is used"
        text = (
            f"{share:.1f}{NARROW}% of the budget {about} {words}: {money(spent, budget.currency)}"
            f"{_interval(budget, usage, basis)} of {money(usage.limit, budget.currency)}.{_exhaustion(budget, usage)}"
        )
        yield Reading(subject, label, share >= percent, round(share, 10), percent, text, is_once=True)


def _subject(budget: Budget, usage: Usage, basis: str, percent: Decimal) -> str:
    start = "" if usage.period_start is None else usage.period_start.isoformat()
    tail = f"{start} {basis} {percent:f} {budget.amount.normalize():f}"
    subject = f"{budget.pk} {usage.subject} {tail}"
    if len(subject) <= LONGEST:
        return subject
    return f"{budget.pk} {hashlib.sha256(usage.subject.encode()).hexdigest()} {tail}"


def _interval(budget: Budget, usage: Usage, basis: str) -> str:
    heading = usage.outlook
    if basis != FORECAST or heading is None or heading.lower is None:
        return ""
    return f" ({money(heading.lower, budget.currency)} to {money(heading.upper, budget.currency)})"


def _exhaustion(budget: Budget, usage: Usage) -> str:
    """` It is expected to be used up on 2026-11-24 (2026-11-22 to 2026-11-28).`; empty where it is not."""
    heading, zone = usage.outlook, ZoneInfo(budget.timezone)
    if usage.exhausts_at is None or heading is None or heading.basis != FORECAST:
        return ""
    days = [f"{at.astimezone(zone):%Y-%m-%d}" if at else "" for at in (heading.earliest, heading.latest)]
    between = f" ({days[0]} to {days[1] or 'after the period'})" if days[0] else ""
    return f" It is expected to be used up on {usage.exhausts_at.astimezone(zone):%Y-%m-%d}{between}."


def _expected(usage: Usage, now: datetime) -> Decimal | None:
    """Spent by the end of the period: as forecast, else at the pace so far; None without an end, and of a pace before a
    tenth of the period is over."""
    if usage.outlook is not None and usage.outlook.expected is not None:
        return usage.outlook.expected
    if usage.period_start is None or usage.resets_at is None or not usage.spent:
        return None
    elapsed = (now - usage.period_start).total_seconds()
    whole = (usage.resets_at - usage.period_start).total_seconds()
    return usage.spent * Decimal(whole) / Decimal(elapsed) if elapsed >= whole / 10 else None


class PriceFileSource:
    """The source `prices`: a public price list whose newest file was rejected, so that its prices grow old."""

    name = "prices"
    label = "Price lists"

    def check(self, rule: AlertRule) -> None:
        """Raises `Invalid` for any parameter."""
        if rule.parameters:
            raise Invalid("parameters_invalid", "Price lists take no parameters.", field="parameters")

    def readings(self, rule: AlertRule, now: datetime) -> list[Reading]:
        """One for each list that was ever read. One statement."""
        newest = PriceSnapshot.objects.order_by("source", "-imported_at", "-id").distinct("source")
        return [_file_reading(snapshot) for snapshot in newest]


def _file_reading(snapshot: PriceSnapshot) -> Reading:
    is_bad = snapshot.state == SnapshotState.REJECTED
    reason = (
        f" was rejected: {' '.join(snapshot.problems[:3])} The prices before it stay." if is_bad else " is in force."
    )
    text = f"The file {snapshot.version} of {snapshot.source}{reason}"
    return Reading(snapshot.source, f"Price list {snapshot.source}", is_bad, Decimal(is_bad), Decimal(1), text)
