"""Statements: compute a month's, lock it, correct it later.

Corrections are differences: what a locked month comes to now, by the rules it was locked with, less what was charged
for it so far. A line that was booked after the lock, a re-priced one or an adjusting entry are all in it, exactly once,
whenever they came.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from costs.allocation.compute import basis, compute, from_stored, rules_of, to_stored
from costs.allocation.engine import Range
from costs.allocation.windows import statement_window
from costs.currencies.foreign import foreign
from costs.models import AllocationRule, Statement, StatementCorrection, StatementItem
from costs.models import StatementStatus as Status
from gateway.models import Organization, VirtualKey
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid

ZERO = Decimal(0)


@transaction.atomic
def compute_statement(*, organization: Organization, month: date, actor: Actor, currency: str = "") -> Statement:
    """The month's statement as of now: made, or a draft computed anew. A locked one is given as it is. Raises
    `Invalid` for a month that has not begun."""
    _lock(organization)
    wanted = (currency or organization.currency).strip().upper()
    window = _window(organization, month, wanted)
    if window[0] > timezone.now():
        raise Invalid("month", "The month has not begun.", field="month")
    known = Statement.objects.filter(organization=organization, month=month, currency=wanted).first()
    if known is not None and known.status == Status.LOCKED:
        return known
    row = known or Statement(organization=organization, month=month, currency=wanted)
    _compute(row, window)
    if known is None:
        audit.record(
            organization=organization, actor=actor, verb="statement.create", target=row,
            after={"month": month, "currency": wanted, "total": row.total},
        )  # fmt: skip
    return row


@transaction.atomic
def lock_statement(*, statement: Statement, actor: Actor) -> Statement:
    """Compute it once more and close it. What changes afterwards is in the next one. Raises `Conflict` when the month
    is not over, an earlier one is still a draft, or it is locked already."""
    _lock(statement.organization)
    row = Statement.objects.select_related("organization").get(pk=statement.pk)
    if row.status == Status.LOCKED:
        raise Conflict("statement_locked", "The statement is locked already.")
    now, window = timezone.now(), _window(row.organization, row.month, row.currency)
    if window[1] > now:
        raise Conflict("month_not_over", f"The month ends at {window[1]:%Y-%m-%d %H:%M} UTC.")
    drafts = Statement.objects.filter(
        organization=row.organization, currency=row.currency, month__lt=row.month, status=Status.DRAFT
    )
    if earlier := drafts.order_by("month").first():
        raise Conflict("earlier_draft", f"The statement of {earlier.month:%B %Y} comes first.")
    _compute(row, window)
    row.status, row.locked_at = Status.LOCKED, now
    row.locked_by_id = getattr(actor, "pk", None) if not isinstance(actor, VirtualKey) else None
    row.save(update_fields=["status", "locked_at", "locked_by", "updated_at"])
    audit.record(
        organization=row.organization, actor=actor, verb="statement.lock", target=row,
        after={"month": row.month, "currency": row.currency, "total": row.total, "unallocated": row.unallocated},
    )  # fmt: skip
    return row


def _compute(row: Statement, window: Range) -> None:
    known = rules_of(row.organization, window)
    stored = {rule.pk: rule for rule in AllocationRule.objects.filter(pk__in=[rule.id for rule in known])}
    done = compute(row.organization, window, row.currency, known, [window])
    row.start, row.end = window
    row.total, row.unallocated, row.unpriced_lines = done.total, done.unallocated, done.unpriced_lines
    row.other_currencies = [one.as_json() for one in foreign(row.organization_id, *window, row.currency)]
    row.rules = [to_stored(rule, stored) for rule in known]
    row.computed_at = timezone.now()
    row.save()
    row.items.all().delete()
    StatementItem.objects.bulk_create(
        StatementItem(statement=row, cost_center_id=center, amount=amount, basis=list(basis(done, center)))
        for center, amount in done.amounts.items()
    )
    row.corrections.all().delete()
    StatementCorrection.objects.bulk_create(
        StatementCorrection(statement=row, corrects=earlier, cost_center_id=center, amount=amount)
        for earlier in _locked_before(row)
        for center, amount in _differences(earlier, row).items()
    )


def _locked_before(row: Statement) -> list[Statement]:
    return list(
        Statement.objects.filter(
            organization=row.organization, currency=row.currency, month__lt=row.month, status=Status.LOCKED
        ).order_by("month")
    )


def _differences(earlier: Statement, row: Statement) -> Mapping[UUID | None, Decimal]:
    """By cost centre (None: the unallocated part), what has changed since the month was charged last."""
    rules = [from_stored(item) for item in earlier.rules]
    window = earlier.start, earlier.end
    now = compute(row.organization, window, earlier.currency, rules, [window])
    left: dict[UUID | None, Decimal] = defaultdict(Decimal)
    left[None] += now.unallocated - earlier.unallocated
    for allocated, amount in now.amounts.items():
        left[allocated] += amount
    for center, amount in earlier.items.values_list("cost_center_id", "amount"):
        left[center] -= amount
    charged = StatementCorrection.objects.filter(corrects=earlier, statement__status=Status.LOCKED)
    for center, amount in charged.values_list("cost_center_id", "amount"):
        left[center] -= amount
    return {center: amount for center, amount in left.items() if amount}


def _window(organization: Organization, month: date, currency: str) -> Range:
    """`statement_window`. Raises `Invalid` for what names no month."""
    if month.day != 1:
        raise Invalid("month", "A month is named by its first day.", field="month")
    return statement_window(organization, month, currency)


def _lock(organization: Organization) -> None:
    """Statements of an organization are computed and locked one after another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"statements {organization.pk}"])
