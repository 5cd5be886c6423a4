"""Amounts of price lists and jobs in the currency that an answer is in. Different currencies are never added up."""

from datetime import date
from decimal import Decimal

from costs.currencies.convert import RateTable, table_of
from gateway.models import Organization

LISTS = "USD"
"""What price lists of tuning are in, and an estimate without a price."""


class Exchange:
    """Into `currency`, by the organization's rates, which are read once for each other currency."""

    def __init__(self, organization: Organization, currency: str = "") -> None:
        self.organization, self.currency = organization, currency or organization.currency
        self._tables: dict[str, RateTable] = {}

    def of(self, amount: Decimal | None, currency: str, day: date) -> Decimal | None:
        """None for None, and where no rate was stated by that day: nothing is converted at 1."""
        if amount is None or currency == self.currency:
            return amount
        if currency not in self._tables:
            self._tables[currency] = table_of(self.organization.pk, currency, self.currency)
        return self._tables[currency].convert([(day, amount)])
