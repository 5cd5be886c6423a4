"""Amounts of recommendations within JSON, and scaled to a month. Pure."""

from decimal import ROUND_HALF_EVEN, Decimal

QUANTUM = Decimal("1e-10")
MONTH_DAYS = 30


def plain(amount: Decimal) -> str:
    """Without an exponent."""
    return format(amount, "f")


def exact(amount: Decimal) -> Decimal:
    """To the ten places of the ledger."""
    return amount.quantize(QUANTUM, ROUND_HALF_EVEN)


def monthly(amount: Decimal, days: int) -> Decimal:
    """What an amount of `days` days comes to in 30."""
    return exact(amount * MONTH_DAYS / days) if days else Decimal(0)
