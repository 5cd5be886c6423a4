"""Money as integers of 1e-10 currency units (the ledger's quantum): exact, and fast enough for the hot path."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

PER_UNIT = 10**10
_PLACES = 10
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def ticks(amount: Decimal | str | int) -> int:
    """Amount in currency units → ticks. Ledger amounts have ten places, so nothing is rounded."""
    value = amount if isinstance(amount, Decimal) else Decimal(amount)
    return int(_EXACT.to_integral_value(_EXACT.scaleb(value, _PLACES)))


def ticks_of_text(amount: str) -> int:
    """`ticks` of a text; of one with all ten places, as ledger lines have it, without decimal arithmetic."""
    whole, _, places = amount.partition(".")
    if len(places) == _PLACES and places.isdecimal() and whole.isdecimal():
        return int(whole + places)
    return ticks(amount)


def units(value: int) -> Decimal:
    """Ticks → amount in currency units with ten places."""
    return Decimal(value).scaleb(-_PLACES, _EXACT)


def text(value: int) -> str:
    """For people: at least two places, no more than it needs: `12.50`, `0.000125`."""
    whole = format(units(value), "f").rstrip("0")
    head, _, places = whole.partition(".")
    return f"{head}.{places.ljust(2, '0')}"
