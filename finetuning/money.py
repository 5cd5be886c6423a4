"""Sums of amounts that may be of several currencies. Pure."""

from collections.abc import Iterable
from decimal import Decimal

LISTED_CURRENCY = "USD"
"""Of the public price list."""
Sums = dict[str, Decimal]
"""By currency; amounts of several are never added up. What costs nothing is of none."""


def sums_of(amounts: Iterable[tuple[str, Decimal | None]]) -> Sums:
    """Of (currency, amount or None); no entry for a currency in which nothing was paid."""
    found: Sums = {}
    for currency, amount in amounts:
        if amount:
            found[currency] = found.get(currency, Decimal(0)) + amount
    return found


def one_of(sums: Sums) -> tuple[str, Decimal | None]:
    """Currency and sum; None: it has no sum, being of several."""
    if not sums:
        return LISTED_CURRENCY, Decimal(0)
    currency = next(iter(sums))
    return currency, sums[currency] if len(sums) == 1 else None
