"""The price book as the gateway's `Pricer`: overrides from the database, list prices from the imported list.

Runs inside the data plane, so it imports no models and needs no app registry.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from costs.bookshelf import load_catalogue, load_covers
from costs.pricing import Charge, Override, PriceBook, Priced, RateCard, default_book, parse_prices, parse_tiers
from costs.pricing.book import NO_CONTEXT
from costs.pricing.cards import UNPRICED
from gateway.dataplane.protocols import PriceColumns

logger = logging.getLogger(__name__)

OVERRIDES_SQL = """
SELECT id::text, organization_id::text, provider, model, valid_from, valid_to, prices, tiers, currency,
  discount_percent
FROM costs_priceoverride ORDER BY id
"""


class BookPricer:
    """Implements `gateway.dataplane.protocols.Pricer`. One book at a time; a reload swaps it in one assignment."""

    def __init__(self) -> None:
        self.book: PriceBook = default_book()

    def reload(self, connection: psycopg.Connection[Any]) -> None:
        """Read every override and commitment through `connection` (three queries), and the lists when they changed."""

        def fetch(statement: str) -> Sequence[tuple[Any, ...]]:
            return connection.execute(statement).fetchall()

        base = default_book().with_catalogue(load_catalogue(fetch)).with_covers(load_covers(fetch))
        base.load()
        rows = connection.execute(OVERRIDES_SQL).fetchall()
        self.book = base.with_overrides(override for row in rows if (override := _override(row)) is not None)

    def price(
        self,
        usage: Mapping[str, int],
        *,
        price_list: str,
        model: str,
        at: datetime,
        organization: str,
        context: Mapping[str, str],
        served_by: str = "",
    ) -> PriceColumns:
        """Price columns of a ledger line; an unknown price is `unpriced` with a cost of None. Never raises."""
        try:
            priced = self.book.price(
                usage, provider=price_list, model=model, at=at, context=context, organization=organization,
                served_by=served_by,
            )  # fmt: skip
        except ValueError as error:
            # Settling must not fail a call that was made: usage that is no number leaves a line without a price.
            logger.warning("Usage of %s/%s cannot be priced: %s", price_list, model, error)
            priced = UNPRICED
        return columns_of(priced)

    def card(
        self,
        price_list: str,
        model: str,
        at: datetime,
        organization: str,
        context: Mapping[str, str] = NO_CONTEXT,
        served_by: str = "",
    ) -> RateCard | None:
        """The rates of a call that starts at `at`; None when nobody states a price."""
        return self.book.resolve(price_list, model, at, context, organization, served_by)


def _override(row: tuple[Any, ...]) -> Override | None:
    identity, organization, provider, model, valid_from, valid_to, prices, tiers, currency, discount = row
    try:
        return Override(
            id=identity,
            organization=organization,
            provider=provider,
            model=model,
            valid_from=valid_from,
            valid_to=valid_to,
            prices=parse_prices(prices),
            tiers=parse_tiers(tiers),
            currency=currency,
            discount_percent=discount,
        )
    except ValueError as error:
        # One bad row, written around the services, must not take every other price away.
        logger.error("The price override %s is left out, it cannot be billed: %s", identity, error)
        return None


def columns_of(priced: Priced) -> PriceColumns:
    """A price as a ledger line has it."""
    return {
        "charges": [_charge(line) for line in priced.lines],
        "cost": _text(priced.total),
        "list_cost": _text(priced.list_total),
        "currency": priced.currency,
        "price_status": priced.status,
    }


def _charge(line: Charge) -> dict[str, str]:
    return {
        "meter": line.meter,
        "rate_id": line.rate_id,
        "quantity": str(line.quantity),
        "unit_price": format(line.unit_price, "f"),
        "cost": format(line.cost, "f"),
        "currency": line.currency,
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
