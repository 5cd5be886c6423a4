"""What is said of an allocation: cost centres by name, shares, rules, notes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from analytics.models import LedgerHorizon
from analytics.patience import TookTooLong, patience
from costs.allocation.compute import basis, compute, months, rules_of
from costs.allocation.engine import Allocation
from costs.models import CostCenter
from gateway.models import Organization
from gateway.services.errors import Invalid, ServiceError

PATIENCE_S = 20
LONGEST_DAYS = 400


class TooMuch(ServiceError):
    """The question reads more than an answer may."""

    status = 422


def allocation(
    organization: Organization, start: datetime, end: datetime, currency: str = "", *, is_month: bool = False
) -> dict[str, Any]:
    """The shape Allocation of the API. `is_month`: the window is one month, whatever zone it is of. Raises `Invalid`,
    and `TooMuch` when the ledger of the window is too long to be read while somebody waits."""
    if end <= start:
        raise Invalid("window", "The window must end after it begins.", field="end")
    if (end - start).days > LONGEST_DAYS:
        raise Invalid("window", f"At most {LONGEST_DAYS} days.", field="end")
    wanted = (currency or organization.currency).strip().upper()
    try:
        with patience(PATIENCE_S):
            known, of_months = rules_of(organization, (start, end)), [(start, end)] if is_month else None
            done = compute(organization, (start, end), wanted, known, of_months)
    except TookTooLong:
        raise TooMuch("too_much", "That takes too long to read; ask for a shorter window.") from None
    centers = {row.pk: row for row in CostCenter.objects.filter(pk__in=done.amounts).select_related("owner")}
    ranked = sorted(done.amounts.items(), key=lambda item: (-item[1], centers[item[0]].code))
    return {
        "generated_at": timezone.now(), "start": start, "end": end, "currency": wanted, "method": "rules",
        "total": done.total, "fixed": done.fixed, "allocated": done.allocated, "unallocated": done.unallocated,
        "unallocated_share": share(done.unallocated, done.total),
        "rules_applied": _applied(done),
        "items": [_item(centers, done, center, amount) for center, amount in ranked],
        "notes": list(_notes(organization, done, start)),
    }  # fmt: skip


def share(part: Decimal, total: Decimal) -> float | None:
    return float(part / total) if total else None


def _item(centers: Mapping[UUID, CostCenter], done: Allocation, center: UUID, amount: Decimal) -> dict[str, Any]:
    row = centers[center]
    return {
        "cost_center": row, "owner": (row.owner.get_full_name() or row.owner.get_username()) if row.owner else None,
        "budget": row.monthly_budget, "amount": amount, "share": share(amount, done.total),
        "basis": list(basis(done, center)),
    }  # fmt: skip


def _applied(done: Allocation) -> list[dict[str, Any]]:
    rows = sorted(done.applied.values(), key=lambda one: (one.rule.position, str(one.rule.id)))
    return [
        {
            "rule": one.rule.id, "name": one.rule.name, "method": one.rule.method, "lines": one.lines,
            "amount": one.amount, "unallocated": one.unallocated,
        }
        for one in rows
    ]  # fmt: skip


def _notes(organization: Organization, done: Allocation, start: datetime) -> Iterator[dict[str, str]]:
    if done.unpriced_lines:
        yield {"code": "unpriced", "message": f"{done.unpriced_lines:,} lines have no price; they are not in it."}
    for currency, amount in sorted(done.other.items()):
        if amount:
            message = f"{amount:,.2f} {currency} were charged too; ask for that currency."
            yield {"code": "other_currency", "message": message}
    is_tiered = any(one.rule.method == "tiered" and one.amount for one in done.applied.values())
    if is_tiered and months(organization, (start, start))[0][0] < start:
        message = "Tiers are those of a calendar month; in this one they begin where the window does."
        yield {"code": "tiers_cut", "message": message}
    complete_from = LedgerHorizon.objects.values_list("complete_from", flat=True).first()
    if complete_from and start < complete_from:
        message = f"The ledger is kept from {complete_from:%Y-%m-%d} on; what is before it is not in it."
        yield {"code": "ledger_incomplete", "message": message}
