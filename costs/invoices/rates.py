"""Rates between currencies, as reconciliation asks for them. Pure."""

from datetime import date
from decimal import Decimal
from typing import Protocol


class Rates(Protocol):
    """Dated rates."""

    def rate(self, source: str, target: str, day: date) -> Decimal | None:
        """What one unit of `source` is in `target` on `day`; None where nobody states it."""
        ...


class NoRates:
    """No rate is known but that of a currency to itself."""

    def rate(self, source: str, target: str, day: date) -> Decimal | None:
        return Decimal(1) if source == target else None
