"""What charges that a commitment covers are worth: their unit prices of the public list, and as contracted. Reads the
price book of the organization, and exchange rates as it has them."""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta
from decimal import Decimal
from uuid import UUID

from costs.bookshelf import book_of
from costs.choices import CommitmentKind
from costs.commitments.models import Commitment
from costs.currencies.convert import RateTable, table_of
from costs.focus import reading
from costs.focus.committed import SPEND, USAGE, Agreed, Shares, Worth
from costs.focus.rows import Summed
from costs.pricing import PriceBook, RateCard
from costs.services.repricing import Targets, targets_of
from gateway.models import Organization

QUARTERS = tuple(timedelta(minutes=minutes) for minutes in (0, 15, 30, 45))
"""Prices may change within an hour: of the cards of its quarters the one counts whose rate the charge names."""
_CONTEXT = re.compile(r"\b(processing|service_tier|speed|region)=([^:,]+)")
_ABOVE = re.compile(r":gt(\d+)$")
_VERSION = re.compile(r"@[^:]*")


def shares_of(organization: Organization, agreed: Mapping[UUID, Agreed], prices: "Prices") -> Shares:
    """The shares of its commitments. Four queries for each day that is asked for."""
    return Shares(agreed, prices, lambda day: reading.covered(organization.pk, day))


def agreed_of(organization: Organization) -> dict[UUID, Agreed]:
    """Its commitments by id. One query."""
    rows = Commitment.objects.filter(organization=organization)
    return {
        row.pk: Agreed(
            row.pk, row.name, row.get_kind_display(), SPEND if row.kind == CommitmentKind.FIXED_MONTHLY else USAGE,
            row.unit_name, row.currency, row.terms, row.covers_calls,
        )
        for row in rows
    }  # fmt: skip


class Prices:
    """Implements `costs.focus.committed.Pricing` by the organization's price book, without what commitments cover."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization
        self._known: tuple[PriceBook, Targets] | None = None
        self._rates: dict[tuple[str, str], RateTable] = {}

    def __call__(self, item: Summed, currency: str) -> Worth:
        card, inner = self._card(item), inner_of(item)
        above = int(found[1]) if (found := _ABOVE.search(inner)) else -1
        own, public = unit_price(card, item.meter or "", above), None
        if card is not None:
            listed = card.list_card if card.overridden else card
            if listed is not None and listed.currency == card.currency:
                public = unit_price(listed, item.meter or "", above)
        priced_in = item.currency if card is None else card.currency
        stated = self.table(priced_in, currency).on(item.bucket.astimezone(UTC).date())
        return Worth(priced_in, public, own, None if stated is None else stated.factor)

    def _card(self, item: Summed) -> RateCard | None:
        if self._known is None:
            self._known = book_of(self._organization).with_covers(()), targets_of(self._organization)
        book, targets = self._known
        target = targets.of({"provider": item.provider, "model_served": item.model, "model_requested": ""})
        inner = inner_of(item)
        context = ({"region": target.region} if target.region else {}) | dict(_CONTEXT.findall(inner))
        organization = str(self._organization.pk)
        cards = [
            book.resolve(target.price_list, target.model, item.bucket + quarter, context, organization)
            for quarter in QUARTERS
        ]
        named = (card for card in cards if card is not None and _has(card, item.meter or "", inner))
        return next(named, cards[0])

    def table(self, base: str, quote: str) -> RateTable:
        """The rates of a pair, read once."""
        if (base, quote) not in self._rates:
            self._rates[base, quote] = table_of(self._organization.pk, base, quote)
        return self._rates[base, quote]


def inner_of(item: Summed) -> str:
    """The rate that the call would have had: what follows `commitment:<id>:<meter>:`; empty without one."""
    parts = (item.rate_id or "").split(":", 3)
    return parts[3] if len(parts) == 4 else ""


def unit_price(card: RateCard | None, meter: str, above: int) -> Decimal | None:
    """Of a meter, for prompts longer than `above` tokens; None when the card states none."""
    rate = card.rates_for(above + 1).get(meter) if card is not None else None
    return None if rate is None else rate.unit_price


def _has(card: RateCard, meter: str, inner: str) -> bool:
    rates = (tier.rates.get(meter) for tier in card.tiers)
    return any(rate is not None and _plain(rate.rate_id) == _plain(inner) for rate in rates)


def _plain(rate_id: str) -> str:
    """Without the version of the list."""
    return _VERSION.sub("", rate_id)
