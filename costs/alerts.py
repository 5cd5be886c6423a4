"""Budgets as a source of alerts: each threshold of a budget is a subject for each period and each of whom it is for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from analytics.alerts.models import AlertRule
from analytics.alerts.reading import Reading
from costs.choices import SnapshotState
from costs.models import Budget, PriceSnapshot
from costs.usage import Usage, usage_of
from gateway.choices import LimitScope
from gateway.services.errors import Invalid

SUBJECTS = 100
FORECAST = "forecast"


class BudgetSource:
    """The source `budget`. A budget without thresholds of its own is told at 100 % of what is spent. The period is part
    of the subject, so that the next one tells again. A `forecast` threshold looks at the pace of the period so far."""

    name = "budget"
    label = "Budgets"

    def check(self, rule: AlertRule) -> None:
        """Raises `Invalid` for a budget that is not there."""
        if set(rule.parameters) - {"budget"}:
            raise Invalid("parameters_invalid", "Budgets take the parameter budget alone.", field="parameters")
        if rule.parameters.get("budget") and not _budgets(rule).exists():
            raise Invalid("budget_not_found", "No such budget in the scope of this rule.", field="parameters")

    def readings(self, rule: AlertRule, now: datetime) -> list[Reading]:
        """From the counters that the ledger writer keeps. Two statements at most."""
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
    for threshold in budget.alert_thresholds or [{"percent": 100, "basis": "actual"}]:
        percent, basis = Decimal(str(threshold["percent"])), threshold["basis"]
        start = "" if usage.period_start is None else usage.period_start.isoformat()
        about = f"{budget.name}{f', {usage.subject}' if usage.subject else ''}"
        label = f"{about}, {percent:f} %{' by its end' if basis == FORECAST else ''}"
        spent = _expected(usage, now) if basis == FORECAST else usage.spent
        subject = f"{budget.pk} {usage.subject} {start} {basis} {percent:f}"
        if spent is None:
            yield Reading(subject, label, None, None, percent, f"{about}: there is no pace to expect anything from.")
            continue
        share = spent / usage.limit * 100 if usage.limit else Decimal(100)
        words = "is expected to be used by its end" if basis == FORECAST else "is used"
        text = f"{share:.1f} % of the budget {about} {words}: {spent:,.2f} of {usage.limit:,.2f} {budget.currency}."
        yield Reading(subject, label, share >= percent, round(share, 10), percent, text)


def _expected(usage: Usage, now: datetime) -> Decimal | None:
    """Spent by the end of the period at the pace so far; None before anything is spent, and without an end."""
    if usage.period_start is None or usage.resets_at is None or not usage.spent:
        return None
    elapsed = (now - usage.period_start).total_seconds()
    whole = (usage.resets_at - usage.period_start).total_seconds()
    return usage.spent * Decimal(whole) / Decimal(elapsed) if elapsed > 0 else None


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
