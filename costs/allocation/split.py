"""Sharing an amount out so that the parts are the amount, to the last digit. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from costs.allocation.rules import Tier

PLACES = 10
_TICK = timedelta(microseconds=1)


def split(amount: Decimal, weights: Sequence[Decimal | int]) -> list[Decimal]:
    """`amount`, in whole units of 1e-10, in proportion to `weights` (none negative, not all zero): the largest
    remainders get the units that rounding down leaves over, the first ones among equals. The parts sum to `amount`.
    Raises ValueError for a finer amount, or weights without a sum."""
    units, total = to_units(amount), sum(Fraction(weight) for weight in weights)
    if total <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("weights must not be negative and must have a sum")
    sign = -1 if units < 0 else 1
    exact = [abs(units) * Fraction(weight) / total for weight in weights]
    parts = [part.numerator // part.denominator for part in exact]
    left = abs(units) - sum(parts)
    for place in sorted(range(len(exact)), key=lambda i: (parts[i] - exact[i], i))[:left]:
        parts[place] += 1
    return [from_units(sign * part) for part in parts]


def tiered(amount: Decimal, tiers: Sequence[Tier]) -> list[Decimal]:
    """What of `amount` falls into each tier, in order; each ends where the next begins, the last one is open. What is
    negative (a month of corrections alone) falls into the first."""
    if amount <= 0:
        return [amount, *(Decimal(0) for _ in tiers[1:])]
    parts, start = [], Decimal(0)
    for tier in tiers:
        end = amount if tier.up_to is None else min(amount, tier.up_to)
        parts.append(max(Decimal(0), end - start))
        start = max(start, end)
    return parts


def prorated(amount: Decimal, start: datetime, end: datetime, month: tuple[datetime, datetime]) -> Decimal:
    """The part of a month's `amount` that `[start, end)` within `month` carries, by elapsed time. The parts of windows
    that make up the month sum to the amount."""
    units, length = to_units(amount), month[1] - month[0]

    def upto(at: datetime) -> int:
        share = Fraction((at - month[0]) // _TICK, length // _TICK)
        return round(units * share)

    return from_units(upto(end) - upto(start))


def to_units(amount: Decimal) -> int:
    """Whole units of 1e-10. Raises ValueError for what has more digits."""
    scaled = amount.scaleb(PLACES)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than {PLACES} decimal places")
    return int(scaled)


def from_units(units: int) -> Decimal:
    return Decimal(units).scaleb(-PLACES)
