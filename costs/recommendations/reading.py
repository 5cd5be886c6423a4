"""Recommendations as answers: what all of them come to together, what is quick, and one person's part. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from costs.addedup import IDS, SLICED
from costs.models import Recommendation, SavingsSearch
from costs.recommendations.money import exact, monthly
from costs.savings.proposals import Effort
from gateway.ledger.schema import TABLE
from gateway.models import Organization

ZERO = Decimal(0)
Note = Mapping[str, str]
NOT_SEARCHED = {"code": "not_searched", "message": "No search has run yet; it runs once a day, or when you ask for it."}
PARTS = {
    "code": "joint_parts",
    "message": "Savings that overlap are counted once: amounts are parts of one joint replay and may be added up.",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval of money a month."""

    level: Decimal
    lower: Decimal
    upper: Decimal


@dataclass(frozen=True, slots=True)
class Total:
    """All of some recommendations together, money of 30 days. `share` of the searched spend; None without spend."""

    currency: str
    saving: Decimal
    interval: Bounds | None
    spend: Decimal
    share: float | None
    searched_at: datetime | None
    start: datetime | None
    end: datetime | None
    notes: tuple[Note, ...]


def search_of(organization: Organization) -> SavingsSearch:
    """The last search, an empty one where there was none. One query."""
    found = SavingsSearch.objects.filter(organization=organization).first()
    return found or SavingsSearch(organization=organization, currency=organization.currency)


def total_of(search: SavingsSearch, rows: Iterable[Recommendation]) -> Total:
    """What `rows`, parts of one joint replay, come to. No query."""
    joint = sum((row.joint_saving for row in rows), ZERO)
    spend = monthly(search.spend, search.days)
    saving = monthly(joint, search.days)
    notes = [*([] if search.searched_at else [NOT_SEARCHED]), PARTS, *search.notes]
    return Total(
        search.currency, saving, _joint_bounds(search, joint), spend, float(saving / spend) if spend else None,
        search.searched_at, search.start, search.end, tuple(notes),
    )  # fmt: skip


def _joint_bounds(search: SavingsSearch, joint: Decimal) -> Bounds | None:
    """The joint interval, narrowed to the part that `joint` is of it."""
    if not search.interval or not search.joint_saving:
        return None
    level, lower, upper = (Decimal(search.interval[name]) for name in ("level", "lower", "upper"))
    part = joint / search.joint_saving
    return Bounds(level, monthly(lower * part, search.days), monthly(upper * part, search.days))


def bounds_of(row: Recommendation) -> Bounds:
    """The interval of a row's own replay, narrowed to its part of the joint one, on 30 days. No query."""
    days = max(1, (row.end - row.start).days)
    part = row.joint_saving / row.saving if row.saving else ZERO
    return Bounds(
        row.interval_level, monthly(row.interval_lower * part, days), monthly(row.interval_upper * part, days)
    )


def is_quick(row: Recommendation) -> bool:
    """One click or one setting."""
    return row.effort == Effort.LOW


# ---- one person's part -----------------------------------------------------------------------------------------------
def parts_of(
    organization: Organization, user: UUID, rows: Sequence[Recommendation], *, start: datetime, end: datetime
) -> dict[UUID, Decimal]:
    """The person's share of the cost of each recommendation's calls in `[start, end)`, 0 to 1; without those that none
    of theirs are in. One statement over the ledger for all."""
    if not rows:
        return {}
    values: dict[str, Any] = {"organization": organization.pk, "user": user, "start": start, "end": end}
    sums = []
    for number, row in enumerate(rows):
        parts = []
        for name, value in row.calls.filters():
            parts.append(f"{SLICED[name]} = %({name}{number})s{'::uuid' if name in IDS else ''}")
            values[f"{name}{number}"] = value
        which = " AND ".join(parts) or "true"
        sums += [
            f"coalesce(sum(l.cost) FILTER (WHERE {which}), 0)",
            f'coalesce(sum(l.cost) FILTER (WHERE {which} AND l."user" = %(user)s), 0)',
        ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(sums)} FROM {TABLE} l WHERE l.organization = %(organization)s "
            "AND l.started_at >= %(start)s AND l.started_at < %(end)s",
            values,
        )
        found = cursor.fetchone() or ()
    shares = {}
    for number, row in enumerate(rows):
        whole, own = found[2 * number], found[2 * number + 1]
        if whole > 0 and own > 0:
            shares[row.pk] = own / whole
    return shares


def narrowed(row: Recommendation, share: Decimal) -> Recommendation:
    """The row with its money scaled to a part of its calls; not to be saved."""
    for name in ("actual_cost", "replayed_cost", "saving", "interval_lower", "interval_upper", "joint_saving",
                 "monthly_saving"):  # fmt: skip
        setattr(row, name, exact(getattr(row, name) * share))
    return row
