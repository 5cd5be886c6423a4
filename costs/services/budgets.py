"""Budgets: make, change, archive; what happens to models without a price.

Making one counts the period's lines in the transaction that makes it, alone with the lock that bookings share, so that
every line is counted once: here, or when it is booked (decision record 0010).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict, Unpack
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from costs.budgets import sql
from costs.budgets.periods import PeriodRule
from costs.budgets.scopes import SUBJECTS
from costs.choices import BudgetPeriod, Enforcement, UnpricedRule
from costs.models import Budget, BudgetCounter, UnpricedPolicy
from gateway.ledger.schema import TABLE
from gateway.models import Organization, Team, VirtualKey
from gateway.scopes import is_each
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields
from gateway.services.scopes import checked_scope

CHANGEABLE = ("name", "amount", "enforcement", "is_shadow", "rolls_over", "alert_thresholds")
AUDITED = (
    *CHANGEABLE, "scope", "scope_value", "currency", "period", "timezone", "anchor_on", "fiscal_months", "fiscal_days",
)  # fmt: skip
BASES = ("actual", "forecast")
COUNT_SQL = """
INSERT INTO costs_budgetcounter
  (budget_id, organization_id, subject, period_start, period_end, amount, spent, uncounted_lines)
SELECT %(budget)s, %(organization)s, q.subject, %(start)s, %(end)s, %(amount)s,
  coalesce(sum(q.cost) FILTER (WHERE q.currency = %(currency)s), 0),
  count(*) FILTER (WHERE q.cost IS NULL OR q.currency <> %(currency)s)
FROM (
  SELECT CASE WHEN %(each)s THEN {subject} ELSE '' END AS subject, l.cost, l.currency FROM {table} l
  WHERE l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s
    AND (l.cost IS NULL OR l.cost <> 0) AND {subject} IS NOT NULL AND (%(each)s OR {subject} = %(value)s)
) q GROUP BY q.subject ORDER BY q.subject COLLATE "C"
"""


RECOUNT_SQL = (
    COUNT_SQL
    + """
ON CONFLICT (budget_id, subject, period_start) DO UPDATE
SET spent = excluded.spent, uncounted_lines = excluded.uncounted_lines
"""
)


class BudgetOptions(TypedDict, total=False):
    """How a budget acts. `alert_thresholds`: list of {percent, basis}."""

    enforcement: str
    is_shadow: bool
    rolls_over: bool
    alert_thresholds: Sequence[dict[str, Any]]


class BudgetFields(BudgetOptions, total=False):
    """What may be changed on a budget."""

    name: str
    amount: Decimal


@transaction.atomic
def create_budget(
    *,
    organization: Organization,
    actor: Actor,
    name: str,
    scope: str,
    amount: Decimal,
    scope_value: str = "",
    currency: str = "",
    period: str = BudgetPeriod.MONTH,
    timezone_name: str = "",
    anchor_on: date | None = None,
    fiscal_months: int | None = None,
    fiscal_days: int | None = None,
    **options: Unpack[BudgetOptions],
) -> Budget:
    """Make a budget and count what the running period has cost already. Raises `Invalid`."""
    budget = draft_budget(
        organization=organization, name=name, scope=scope, amount=amount, scope_value=scope_value, currency=currency,
        period=period, timezone_name=timezone_name, anchor_on=anchor_on, fiscal_months=fiscal_months,
        fiscal_days=fiscal_days, **options,
    )  # fmt: skip
    budget.created_by_id = getattr(actor, "pk", None) if not isinstance(actor, VirtualKey) else None
    start, end = budget.rule.window(timezone.now())
    budget.tracked_from = start
    _lock_bookings()
    budget.save(force_insert=True)
    _count(budget, start, end)
    audit.record(organization=organization, actor=actor, verb="budget.create", target=budget, after=_values(budget))
    return budget


def draft_budget(
    *,
    organization: Organization,
    name: str,
    scope: str,
    amount: Decimal,
    scope_value: str = "",
    currency: str = "",
    period: str = BudgetPeriod.MONTH,
    timezone_name: str = "",
    anchor_on: date | None = None,
    fiscal_months: int | None = None,
    fiscal_days: int | None = None,
    **options: Unpack[BudgetOptions],
) -> Budget:
    """A budget that is checked and not stored. Raises `Invalid`.

    `scope_value`: see `Budget`; empty for the organization itself. Currency and time zone default to the
    organization's.
    """
    value, team = checked_scope(organization, scope, scope_value.strip())
    budget = Budget(
        organization=organization,
        name=name.strip(),
        scope=scope,
        scope_value=value,
        team=team,
        amount=amount,
        currency=(currency or organization.currency).upper(),
        period=period,
        timezone=timezone_name or organization.reporting_timezone,
        anchor_on=anchor_on,
        fiscal_months=fiscal_months,
        fiscal_days=fiscal_days,
    )
    _fill(budget, options)
    _check(budget)
    return budget


@transaction.atomic
def update_budget(*, budget: Budget, actor: Actor, **fields: Unpack[BudgetFields]) -> Budget:
    """Change amount, name, enforcement, roll-over or thresholds. Data planes follow within 2 s. Raises `Invalid`,
    `Conflict` when it is archived."""
    locked = _live(budget)
    before = _values(locked)
    _fill(locked, fields)
    _check(locked)
    old, new = audit.differences(before, _values(locked))
    if new:
        locked.save(update_fields=[*new, "updated_at"])
        audit.record(
            organization=locked.organization, actor=actor, verb="budget.update", target=locked, before=old, after=new
        )
    return locked


@transaction.atomic
def archive_budget(*, budget: Budget, actor: Actor) -> Budget:
    """End a budget; its counters stay for the record. Raises `Conflict` when it is archived already."""
    locked = _live(budget)
    locked.archived_at = timezone.now()
    locked.save(update_fields=["archived_at", "updated_at"])
    audit.record(organization=locked.organization, actor=actor, verb="budget.archive", target=locked)
    return locked


@transaction.atomic
def set_unpriced_rule(
    *, organization: Organization, actor: Actor, rule: str, team: Team | None = None
) -> UnpricedPolicy:
    """Say what happens under a hard budget to calls of models without a known price. Raises `Invalid`."""
    if rule not in UnpricedRule.values:
        raise Invalid("rule_unknown", f"The rule is one of {', '.join(UnpricedRule.values)}.", field="rule")
    if team is not None and team.organization_id != organization.pk:
        raise Invalid("team_not_found", "No such team in this organization.", field="team")
    row, _ = UnpricedPolicy.objects.select_for_update().get_or_create(
        organization=organization, team=team, defaults={"rule": UnpricedRule.BLOCK}
    )
    before, row.rule = row.rule, rule
    row.save(update_fields=["rule", "updated_at"])
    audit.record(
        organization=organization, actor=actor, verb="unpriced_rule.set", target=row,
        before={"rule": before}, after={"rule": rule, "team": team},
    )  # fmt: skip
    return row


def hold_bookings() -> None:
    """Until the end of the transaction no line is booked and no budget made. Taken before lines are written to the
    ledger beside the writer; `recount` then brings the counters along."""
    _lock_bookings()


def recount(*, organization: UUID, start: datetime, end: datetime) -> int:
    """Counters of the periods that meet `[start, end)`, from the ledger anew; returns how many budgets had one. For
    lines that were written beside the writer, in the same transaction, after `hold_bookings`."""
    found = 0
    for budget in Budget.objects.filter(organization=organization, archived_at=None, tracked_from__lt=end):
        at, counted = max(start, budget.tracked_from), False
        while at < end:
            first, following = budget.rule.window(at)
            _count(budget, first, following, RECOUNT_SQL)
            at, counted = following, True
        found += counted
    return found


@transaction.atomic
def recount_subjects(counter: BudgetCounter) -> int:
    """Counters of every subject in this one's period, from the ledger anew, after lines went over to another subject.
    Returns 1 when this one was left without lines, and goes."""
    hold_bookings()
    budget = Budget.objects.filter(pk=counter.budget_id, archived_at=None).first()
    if budget is None:
        return 0
    BudgetCounter.objects.filter(pk=counter.pk).update(spent=0, uncounted_lines=0)
    _count(budget, counter.period_start, counter.period_end, RECOUNT_SQL)
    unused = BudgetCounter.objects.filter(pk=counter.pk, spent=0, uncounted_lines=0, leased=0, leases=None)
    return int(bool(unused.delete()[0]))


# ---- checks --------------------------------------------------------------------------------------------------------
def _check(budget: Budget) -> None:
    check_fields(budget, "name", "amount", "period", "enforcement", "scope")
    if budget.amount < 0:
        raise Invalid("amount_negative", "The amount cannot be negative.", field="amount")
    if not re.fullmatch("[A-Z]{3}", budget.currency):
        raise Invalid("currency", "The currency is a three-letter ISO 4217 code.", field="currency")
    try:
        ZoneInfo(budget.timezone)
    except (ValueError, KeyError, OSError):
        raise Invalid("timezone", f"No time zone {budget.timezone!r}.", field="timezone") from None
    _check_fiscal(budget.rule)
    if budget.is_shadow and budget.enforcement != Enforcement.HARD:
        raise Invalid("shadow_soft", "A soft budget refuses nothing, so it needs no shadow.", field="is_shadow")
    for threshold in budget.alert_thresholds:
        _check_threshold(threshold)


def _check_fiscal(rule: PeriodRule) -> None:
    lengths = [length for length in (rule.fiscal_months, rule.fiscal_days) if length is not None]
    if rule.kind != BudgetPeriod.FISCAL:
        if lengths or rule.anchor_on:
            raise Invalid("fiscal", "Only a custom period has a first day and a length.", field="period")
        return
    if rule.anchor_on is None or len(lengths) != 1 or not 1 <= lengths[0] <= 3660:
        message = "A custom period needs its first day and its length in months or in days."
        raise Invalid("fiscal", message, field="anchor_on")


def _check_threshold(threshold: object) -> None:
    known = isinstance(threshold, dict) and set(threshold) == {"percent", "basis"}
    if not known or threshold["basis"] not in BASES or not _is_percent(threshold["percent"]):  # type: ignore[index]
        message = "A threshold is {percent: 1 to 1000, basis: actual or forecast}."
        raise Invalid("threshold", message, field="alert_thresholds")


def _is_percent(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1000


# ---- storing -------------------------------------------------------------------------------------------------------
def _fill(budget: Budget, fields: Mapping[str, Any]) -> None:
    for name in CHANGEABLE:
        if name in fields:
            value = fields[name]
            setattr(budget, name, list(value) if name == "alert_thresholds" else value)


def _live(budget: Budget) -> Budget:
    locked = Budget.objects.select_for_update(of=("self",)).select_related("organization").get(pk=budget.pk)
    if locked.archived_at is not None:
        raise Conflict("budget_archived", "The budget is archived.")
    return locked


def _lock_bookings() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [sql.BUDGETS_LOCK])


def _count(budget: Budget, start: Any, end: Any, statement: str = COUNT_SQL) -> None:
    """Counters of a period, from the ledger: one, or one a subject that has cost something already."""
    statement = statement.format(subject=SUBJECTS[budget.scope], table=TABLE)
    parameters = {
        "budget": budget.pk, "organization": budget.organization_id, "each": is_each(budget.scope_value),
        "value": budget.scope_value, "tag": budget.scope_value.partition("=")[0], "start": start, "end": end,
        "amount": budget.amount, "currency": budget.currency,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    if not is_each(budget.scope_value):
        BudgetCounter.objects.get_or_create(
            budget_id=budget.pk, subject="", period_start=start,
            defaults={"organization_id": budget.organization_id, "period_end": end, "amount": budget.amount},
        )  # fmt: skip


def _values(budget: Budget) -> dict[str, Any]:
    return {name: getattr(budget, name) for name in AUDITED}
