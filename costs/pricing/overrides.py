"""Negotiated and own prices that stand before the public list. Pure data and rules; stored by ``costs.models``."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

from . import meters as m
from .cards import EXACT, Rate, RateCard, RateTier
from .listing import add_stand_ins, canonical_provider, unknown_context_flags

HUNDRED = Decimal(100)
SECONDS_PER_MINUTE = Decimal(60)


@dataclass(frozen=True, slots=True)
class Override:
    """A price that replaces the list's for one organization (None: everyone), over ``[valid_from, valid_to)``.

    ``model`` is an exact name or a prefix ending in ``*``; the longest match wins. With ``prices`` (meter → Decimal,
    per 1,000,000 tokens or characters, per minute of a recording, per unit for the others) the override is the
    model's whole price list: meters that it leaves out are unpriced (cache reads fall back to its input rate), so two
    contracts never mix in one line. Without ``prices`` it is ``discount_percent`` off the public list, tiers and
    variants included; with both, the discount is taken off ``prices``. Times are aware. Raises ValueError for a
    meter, price, discount or window that cannot be billed.
    """

    id: str
    organization: Hashable | None
    provider: str
    model: str
    valid_from: datetime
    valid_to: datetime | None = None
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    currency: str = "USD"
    discount_percent: Decimal | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.prices) - set(m.METERS))
        if unknown:
            raise ValueError(f"unknown meters {', '.join(unknown)}; known: {', '.join(m.METERS)}")
        for meter, amount in self.prices.items():
            if not isinstance(amount, Decimal) or not amount.is_finite() or amount < 0:
                raise ValueError(f"the price of {meter} must be a non-negative Decimal, not {amount!r}")
        discount = self.discount_percent
        if discount is not None and (not discount.is_finite() or not 0 <= discount <= HUNDRED):
            raise ValueError(f"discount_percent must lie between 0 and 100, not {discount}")
        if not self.prices and discount is None:
            raise ValueError("an override needs prices, a discount_percent, or both")
        if self.valid_from.tzinfo is None or (self.valid_to is not None and self.valid_to.tzinfo is None):
            raise ValueError("valid_from and valid_to must be aware datetimes")
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to must be later than valid_from")

    def covers(self, provider: str, model: str) -> bool:
        """Whether this override is about ``model`` of ``provider`` (canonical name), at any time."""
        if canonical_provider(self.provider) != provider:
            return False
        if self.model.endswith("*"):
            return model.lower().startswith(self.model[:-1].lower())
        return model.lower() == self.model.lower()

    def active(self, at: datetime) -> bool:
        """Whether ``at`` (aware) lies in ``[valid_from, valid_to)``."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)

    @property
    def specificity(self) -> tuple[bool, int]:
        """Sorts exact names above prefixes and longer prefixes above shorter ones."""
        return not self.model.endswith("*"), len(self.model)

    def card(
        self, provider: str, model: str, context: Mapping[str, str], list_card: RateCard | None
    ) -> RateCard | None:
        """This override's card for ``model``; None when it is a discount off a list that has no price."""
        if self.prices:
            return self._own_card(provider, model, context, list_card)
        return self._discounted(list_card) if list_card is not None else None

    def _own_card(self, provider: str, model: str, context: Mapping[str, str], list_card: RateCard | None) -> RateCard:
        rates: dict[str, Rate] = {}
        for meter, amount in self.prices.items():
            unit_price = _of_one(meter, amount)
            rates[meter] = Rate(meter, f"override:{self.id}:{meter}", self._reduced(unit_price), self.currency)
        add_stand_ins(rates)
        return RateCard(
            provider=provider,
            model=model,
            currency=self.currency,
            tiers=(RateTier(-1, rates),),
            flags=unknown_context_flags(context, set()),
            is_free=all(rate.unit_price == 0 for rate in rates.values()),
            overridden=True,
            list_card=list_card,
        )

    def _discounted(self, list_card: RateCard) -> RateCard:
        tiers = tuple(
            RateTier(tier.above_tokens, {meter: self._off_list(rate) for meter, rate in tier.rates.items()})
            for tier in list_card.tiers
        )
        return RateCard(
            provider=list_card.provider,
            model=list_card.model,
            currency=list_card.currency,
            tiers=tiers,
            flags=list_card.flags,
            is_free=list_card.is_free or self.discount_percent == HUNDRED,
            overridden=True,
            list_card=list_card,
        )

    def _off_list(self, rate: Rate) -> Rate:
        # The list's rate id stays in the id: two tiers of one list price must not share an id with two prices.
        rate_id = f"override:{self.id}:{rate.meter}:{rate.rate_id}"
        return Rate(rate.meter, rate_id, self._reduced(rate.unit_price), rate.currency)

    def _reduced(self, unit_price: Decimal) -> Decimal:
        if self.discount_percent is None:
            return unit_price
        return EXACT.multiply(unit_price, EXACT.scaleb(EXACT.subtract(HUNDRED, self.discount_percent), -2))


def _of_one(meter: str, amount: Decimal) -> Decimal:
    if meter in m.PER_MILLION:
        return EXACT.scaleb(amount, -6)
    return EXACT.divide(amount, SECONDS_PER_MINUTE) if meter in m.PER_MINUTE else amount


def parse_prices(stored: object) -> dict[str, Decimal]:
    """Decimal prices from the stored map of decimal strings. Raises ValueError for anything else."""
    if not isinstance(stored, Mapping):
        raise ValueError("prices must map meters to decimal strings")
    prices = {}
    for meter, text in stored.items():
        if not isinstance(text, str):
            raise ValueError(f"the price of {meter} must be a decimal string, not {text!r}")
        try:
            prices[meter] = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"the price of {meter} is not a decimal: {text!r}") from None
    return prices
