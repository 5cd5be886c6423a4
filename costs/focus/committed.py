"""Commitments in the export: what the calls that they cover are worth by the list, and which part of a day's fee each
of them carries. Pure.

A day of a commitment is one purchase. Its fee is recognised in the calls of that day (UTC) which it covered, by their
list cost: each carries what it would have cost, and what no call reaches is unused; where they are worth more than the
fee, each carries its share of it. The parts sum to the fee, to the last digit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from costs.commitments.terms import HOURS, METER, RATE, Terms
from costs.focus.rows import EXACT, Committed, Covered, Summed, rounded
from costs.focus.values import is_unit

ZERO = Decimal(0)
SPEND, USAGE = "Spend", "Usage"


@dataclass(frozen=True, slots=True)
class Agreed:
    """A commitment as the export needs it. `covers`: calls that it covers cost nothing more."""

    id: UUID
    name: str
    type: str
    category: str
    unit_name: str
    currency: str
    terms: Terms
    covers: bool

    @property
    def unit(self) -> str:
        """What its quantity counts: money of a fixed amount, else hours of its units."""
        if self.category == SPEND:
            return self.currency
        wanted = " ".join(word[:1].upper() + word[1:] for word in self.unit_name.split()) + "-Hours"
        return wanted if is_unit(wanted) else "Unit-Hours"

    def fee(self, day: date) -> Decimal:
        return self.terms.cost_of(day).cost

    def quantity(self, day: date) -> Decimal:
        """What it offers on a day, in `unit`."""
        if self.category == SPEND:
            return self.fee(day)
        return EXACT.multiply(self.terms.units, Decimal(HOURS)).normalize(EXACT)

    def named(self, status: str, quantity: Decimal) -> Committed:
        return Committed(str(self.id), self.name, self.type, self.category, status, quantity, self.unit)


@dataclass(frozen=True, slots=True)
class Worth:
    """Unit prices of a covered charge in `currency`: of the public list, and as contracted (None: not known). `factor`:
    what one unit of it is in the commitment's currency; None without an exchange rate."""

    currency: str
    listed: Decimal | None
    contracted: Decimal | None
    factor: Decimal | None


Pricing = Callable[[Summed, str], Worth]
"""(a covered charge, the commitment's currency) → what it is worth."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a row carries of a day: of the fee, and of the quantity. `calls`: the quantity of the whole row."""

    fee: Decimal
    used: Decimal
    calls: Decimal


@dataclass(slots=True)
class Day:
    """A day of a commitment by row, and what is unused."""

    unused: Decimal
    unused_quantity: Decimal
    parts: dict[tuple[Any, ...], Part] = field(default_factory=dict)


def commitment_of(item: Summed) -> UUID | None:
    """The commitment that a charge is about, bought or covered by it; None for any other charge."""
    rate = item.rate_id or ""
    if not rate.startswith(RATE):
        return None
    try:
        return UUID(rate.split(":")[1])
    except ValueError:
        return None


def key_of(item: Summed) -> tuple[Any, ...]:
    """What tells one row of a covered charge from another."""
    return (
        item.bucket, item.team, item.project, item.api_key, item.provider, item.model, item.currency,
        item.corrected_in, item.meter, item.rate_id,
    )  # fmt: skip


def shared(agreed: Agreed, day: date, items: Iterable[Summed], pricing: Pricing) -> Day:
    """The day's fee over all calls of the organization that it covered. What has no list price, or no exchange rate,
    carries nothing: what it is worth is not known."""
    rows = sorted(((item, _value(item, pricing(item, agreed.currency))) for item in items), key=_place)
    fee, quantity = agreed.fee(day), agreed.quantity(day)
    worth = sum((value for _, value in rows), ZERO)
    found = Day(fee, quantity)
    share = EXACT.divide(min(fee, worth), worth) if worth > 0 else ZERO
    so_far = carried = ZERO
    for item, value in rows:
        so_far = EXACT.add(so_far, value)
        part = EXACT.subtract(rounded(EXACT.multiply(so_far, share)), carried)
        carried = EXACT.add(carried, part)
        used = rounded(EXACT.divide(EXACT.multiply(quantity, part), fee)) if fee else ZERO
        found.parts[key_of(item)] = Part(part, used, item.quantity)
        found.unused = EXACT.subtract(found.unused, part)
        found.unused_quantity = EXACT.subtract(found.unused_quantity, used)
    return found


def _place(row: tuple[Summed, Decimal]) -> list[str]:
    return [str(part) for part in key_of(row[0])]


def _value(item: Summed, worth: Worth) -> Decimal:
    if worth.listed is None or worth.factor is None:
        return ZERO
    return EXACT.multiply(EXACT.multiply(item.quantity, worth.listed), worth.factor)


class Shares:
    """Days of an organization's commitments, read when a row asks for one. `read`: the covered charges of a day,
    whoever made the calls."""

    def __init__(
        self, agreed: Mapping[UUID, Agreed], pricing: Pricing, read: Callable[[date], Iterable[Summed]]
    ) -> None:
        self._agreed, self._pricing, self._read = agreed, pricing, read
        self._day: date | None = None
        self._days: dict[UUID, Day] = {}

    def bought(self, item: Summed) -> Agreed | None:
        """The commitment that a charge is a day of; None for any other charge."""
        identity = commitment_of(item)
        return self._agreed.get(identity) if identity is not None and item.meter == METER else None

    def covered(self, item: Summed) -> Covered | None:
        """What a covered charge carries; None for any other charge. Whoever sees a part of a row's calls sees that part
        of what it carries."""
        identity = commitment_of(item)
        agreed = self._agreed.get(identity) if identity is not None and item.meter != METER else None
        if agreed is None:
            return None
        worth = self._pricing(item, agreed.currency)
        part = self._of_day(agreed, item.bucket.astimezone(UTC).date()).parts.get(key_of(item))
        seen = EXACT.divide(item.quantity, part.calls) if part is not None and part.calls else ZERO
        fee, used = (part.fee, part.used) if part is not None else (ZERO, ZERO)
        return Covered(
            committed=agreed.named("Used", rounded(EXACT.multiply(used, seen))),
            billed_in=worth.currency if worth.factor is None else agreed.currency, priced_in=worth.currency,
            listed=worth.listed, contracted=worth.contracted,
            factor=Decimal(1) if worth.factor is None else worth.factor, fee=rounded(EXACT.multiply(fee, seen)),
        )  # fmt: skip

    def unused(self, agreed: Agreed, at: datetime) -> tuple[Decimal, Committed] | None:
        """What of a day's fee no call reached; None when all of it is used."""
        day = self._of_day(agreed, at.astimezone(UTC).date())
        if not day.unused and not day.unused_quantity:
            return None
        return day.unused, agreed.named("Unused", day.unused_quantity)

    def _of_day(self, agreed: Agreed, day: date) -> Day:
        """Rows come oldest first, so one day is remembered."""
        if day != self._day:
            by_commitment: dict[UUID | None, list[Summed]] = defaultdict(list)
            for item in self._read(day):
                if item.meter not in (None, METER):
                    by_commitment[commitment_of(item)].append(item)
            self._day, self._days = day, {
                identity: shared(one, day, by_commitment[identity], self._pricing)
                for identity, one in self._agreed.items()
            }  # fmt: skip
        return self._days[agreed.id]
