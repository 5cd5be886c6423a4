"""What a commitment costs on a day. Pure."""

import hashlib
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from costs.pricing.cards import COST_QUANTUM, EXACT, ZERO
from gateway.ledger.ids import ms_of, uuid7

RATE = "commitment:"
"""Rates of a commitment's days are `commitment:<id>`, those of covered calls `commitment:<id>:…`."""
METER = "commitment"
HOURS = 24
HOUR, MONTH = "hour", "month"
DAY = timedelta(days=1)
NOON = time(12, tzinfo=UTC)
"""A day's line begins at noon in UTC, so that it is of the same day in every time zone within twelve hours of it."""


class DayCost(NamedTuple):
    """What a day costs: `quantity` × `unit_price`, rounded half-even to ten places."""

    quantity: Decimal
    unit_price: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """`amount` of one unit `per` hour or calendar month, `units` of them, over the UTC days `[starts_on, ends_on)`."""

    amount: Decimal
    units: Decimal
    per: str
    starts_on: date
    ends_on: date | None = None

    def cost_of(self, day: date) -> DayCost:
        """The day's cost. By the hour: 24 hours of every unit. By the month: its days share the amount evenly, so that
        the days of a whole month come to it to the last digit."""
        if self.per == HOUR:
            quantity = EXACT.multiply(self.units, Decimal(HOURS)).normalize(EXACT)
            return DayCost(quantity, self.amount, _rounded(EXACT.multiply(quantity, self.amount)))
        whole, days = EXACT.multiply(self.amount, self.units), monthrange(day.year, day.month)[1]
        upto, before = (_rounded(EXACT.divide(whole * count, days)) for count in (day.day, day.day - 1))
        cost = EXACT.subtract(upto, before)
        return DayCost(Decimal(1), cost, cost)

    def days(self, start: date, end: date) -> Iterator[date]:
        """Its days in `[start, end)`, oldest first."""
        day, last = max(start, self.starts_on), end if self.ends_on is None else min(end, self.ends_on)
        while day < last:
            yield day
            day += DAY

    def cost_between(self, start: datetime, end: datetime) -> Decimal:
        """Of the days whose noon in UTC lies in `[start, end)`: what the ledger has for them, or will have."""
        first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date() + DAY
        inside = (day for day in self.days(first, last) if start <= noon(day) < end)
        return sum((self.cost_of(day).cost for day in inside), ZERO)


def noon(day: date) -> datetime:
    """When the line of a day begins."""
    return datetime.combine(day, NOON)


def line_id(commitment: UUID, at: datetime) -> UUID:
    """The same for the same commitment and day, whoever books it."""
    bits = int.from_bytes(hashlib.sha256(f"{commitment}/{at.isoformat()}".encode()).digest()[:10], "big")
    return uuid7(ms_of(at), bits & ((1 << 74) - 1))


def _rounded(amount: Decimal) -> Decimal:
    return EXACT.quantize(amount, COST_QUANTUM)
