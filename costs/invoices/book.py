"""The price book as reconciliation asks it (`cells.Prices`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from costs.invoices.items import LONG_CONTEXT
from costs.pricing import PriceBook
from costs.services.repricing import Targets
from gateway.models import Organization

BACK = timedelta(days=730)
AHEAD = timedelta(days=366)
NOON = time(12)
INSTANT = timedelta(microseconds=1)


@dataclass(slots=True)
class BookPrices:
    """`sources`: model → provider of the ledger; a model that the ledger does not have is priced as of `provider`."""

    book: PriceBook
    organization: Organization
    targets: Targets
    sources: Mapping[str, str]
    provider: str
    _known: dict[tuple[str, str, date, str], Decimal | None] = field(default_factory=dict)
    _others: dict[tuple[str, str], list[tuple[date, Decimal]]] = field(default_factory=dict)

    def unit(self, model: str, meter: str, day: date, tier: str = "") -> Decimal | None:
        """None too where the book knows no price of the tier: the standard one would not be it."""
        key = (model, meter, day, tier)
        if key not in self._known:
            self._known[key] = self._unit(model, meter, datetime.combine(day, NOON, UTC), tier)
        return self._known[key]

    def others(self, model: str, meter: str, day: date) -> Sequence[tuple[date, Decimal]]:
        """Prices of other times within two years back and one ahead, and the public list's beside one of one's own."""
        if (model, meter) not in self._others:
            self._others[model, meter] = self._versions(model, meter, day)
        own = self.unit(model, meter, day)
        return [(start, unit) for start, unit in self._others[model, meter] if unit != own]

    def _price_list(self, model: str) -> str:
        provider = self.sources.get(model, self.provider)
        return self.targets.price_lists.get(provider, provider)

    def _unit(self, model: str, meter: str, at: datetime, tier: str) -> Decimal | None:
        parts = [part for part in tier.split("+") if part]
        context = {
            "processing" if part == "batch" else "service_tier": part for part in parts if part != LONG_CONTEXT
        }  # fmt: skip
        card = self.book.resolve(self._price_list(model), model, at, context, str(self.organization.pk))
        if card is None or any(flag.startswith("unknown_service_tier") for flag in card.flags):
            return None
        if LONG_CONTEXT in parts and len(card.tiers) < 2:
            return None
        rates = card.tiers[0 if LONG_CONTEXT in parts else -1].rates
        return rates[meter].unit_price if meter in rates else None

    def _versions(self, model: str, meter: str, day: date) -> list[tuple[date, Decimal]]:
        price_list = self._price_list(model)
        start, end = (datetime.combine(each, time.min, UTC) for each in (day - BACK, day + AHEAD))
        changes = self.book.price_list.changes(price_list, model, start, end)
        for override in self.book.overrides:
            if override.organization in (None, str(self.organization.pk)) and override.covers(price_list, model):
                changes += [at for at in (override.valid_from, override.valid_to) if at and start < at < end]
        found = []
        for at in sorted({start, *changes}):
            if (unit := self._unit(model, meter, at, "")) is not None:
                found.append((at.date(), unit))
            listed = self.book.listed(price_list, model, at).card
            if listed is not None and meter in listed.tiers[-1].rates:
                found.append((at.date(), listed.tiers[-1].rates[meter].unit_price))
        return found
