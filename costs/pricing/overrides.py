"""Negotiated and own prices that stand before the public list. Pure data and rules; stored by ``costs.models``."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

from . import meters as m
from .cards import EXACT, Rate, RateCard, RateTier
from .listing import STANDARD_CONTEXT, add_stand_ins, canonical_provider, matches, unknown_context_flags

HUNDRED = Decimal(100)
MOST_TIERS = 50
ANY_LENGTH = -1
_TIER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")
SECONDS_PER_MINUTE = Decimal(60)


@dataclass(frozen=True, slots=True)
class PriceTier:
    """Other prices of one override, in the units of its own.

    ``service_tier`` (batch, flex, priority, …; empty: standard) is a whole price list: what it leaves out is unpriced
    there. ``above_tokens``: for requests whose whole prompt exceeds it, input and output (-1: of any length); what such
    a tier leaves out stays as below it. A price "from 200,000 tokens on" is above 199,999.
    """

    service_tier: str
    above_tokens: int
    prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Override:
    """A price that replaces the list's for one organization (None: everyone), over ``[valid_from, valid_to)``.

    ``model`` is an exact name or a prefix ending in ``*``; the longest match wins. With ``prices`` (meter → Decimal,
    per 1,000,000 tokens or characters, per minute of a recording, per unit for the others) the override is the
    model's whole price list: meters that it leaves out are unpriced (cache reads fall back to its input rate), so two
    contracts never mix in one line. ``tiers`` are its other prices by service tier and by length; a call that was
    served at a tier it does not name has its standard prices, and a flag. Without ``prices`` it is
    ``discount_percent`` off the public list, tiers and variants included; with both, the discount is taken off
    ``prices`` and ``tiers``. Times are aware. Raises ValueError for a meter, price, tier, discount or window that
    cannot be billed.
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
    tiers: tuple[PriceTier, ...] = ()

    def __post_init__(self) -> None:
        for prices in (self.prices, *(tier.prices for tier in self.tiers)):
            _check_prices(prices)
        _check_tiers(self.tiers, has_prices=bool(self.prices))
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
        return canonical_provider(self.provider) == provider and matches(self.model, model)

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
        served = _served(context)
        own = [tier for tier in self.tiers if tier.service_tier == served] if served else []
        if not own:
            standard = PriceTier("", ANY_LENGTH, self.prices)
            own = [standard, *(tier for tier in self.tiers if not tier.service_tier)]
        answered = {"processing", "service_tier"} if own[0].service_tier else set[str]()
        bounds = sorted({tier.above_tokens for tier in own}, reverse=True)
        tiers = tuple(RateTier(bound, self._rates(own, bound)) for bound in bounds)
        return RateCard(
            provider=provider,
            model=model,
            currency=self.currency,
            tiers=tiers,
            flags=unknown_context_flags(context, answered),
            is_free=all(rate.unit_price == 0 for tier in tiers for rate in tier.rates.values()),
            overridden=True,
            list_card=list_card,
        )

    def _rates(self, own: Iterable[PriceTier], bound: int) -> dict[str, Rate]:
        """Rates above ``bound``: of each meter the one with the highest bound up to it."""
        rates: dict[str, Rate] = {}
        for tier in sorted(own, key=lambda tier: tier.above_tokens):
            if tier.above_tokens <= bound:
                for meter, amount in tier.prices.items():
                    price = self._reduced(_of_one(meter, amount))
                    rates[meter] = Rate(meter, self._rate_id(meter, tier), price, self.currency)
        add_stand_ins(rates)
        return rates

    def _rate_id(self, meter: str, tier: PriceTier) -> str:
        """As a list's rate ids say their context and bound, after the meter."""
        detail = f":service_tier={tier.service_tier}" if tier.service_tier else ""
        detail += f":gt{tier.above_tokens}" if tier.above_tokens >= 0 else ""
        return f"override:{self.id}:{meter}" + (f":own:{meter}{detail}" if detail else "")

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


def _served(context: Mapping[str, str]) -> str:
    """The service tier that a call was served at, batch being one; empty: standard."""
    for key in ("processing", "service_tier"):
        value = context.get(key, "")
        if value and value not in STANDARD_CONTEXT[key]:
            return value
    return ""


def _check_prices(prices: Mapping[str, Decimal]) -> None:
    unknown = sorted(set(prices) - set(m.METERS))
    if unknown:
        raise ValueError(f"unknown meters {', '.join(unknown)}; known: {', '.join(m.METERS)}")
    for meter, amount in prices.items():
        if not isinstance(amount, Decimal) or not amount.is_finite() or amount < 0:
            raise ValueError(f"the price of {meter} must be a non-negative Decimal, not {amount!r}")


def _check_tiers(tiers: Sequence[PriceTier], *, has_prices: bool) -> None:
    if tiers and not has_prices:
        raise ValueError("tiers need the standard prices beside them")
    if len(tiers) > MOST_TIERS:
        raise ValueError(f"at most {MOST_TIERS} tiers")
    known = {(tier.service_tier, tier.above_tokens) for tier in tiers}
    if len(known) != len(tiers) or ("", ANY_LENGTH) in known:
        raise ValueError("a service tier and length is stated twice; the standard prices are beside the tiers")
    for tier in tiers:
        name = tier.service_tier
        if name and (not _TIER_NAME.fullmatch(name) or name in STANDARD_CONTEXT["service_tier"]):
            raise ValueError(f"{name!r} is no service tier with prices of its own")
        if tier.above_tokens < ANY_LENGTH:
            raise ValueError("above_tokens cannot be negative")
        if not tier.prices:
            raise ValueError("a tier needs prices")
        if name and (name, ANY_LENGTH) not in known:
            raise ValueError(f"the tier {name} needs prices of any length, not of long prompts alone")


def _of_one(meter: str, amount: Decimal) -> Decimal:
    if meter in m.PER_MILLION:
        return EXACT.scaleb(amount, -6)
    return EXACT.divide(amount, SECONDS_PER_MINUTE) if meter in m.PER_MINUTE else amount


def parse_tiers(stored: object) -> tuple[PriceTier, ...]:
    """Tiers from the stored list of ``{service_tier, above_tokens (null: of any length), prices}``, those of one
    service tier from the shortest on. Raises ValueError for anything else."""
    if not isinstance(stored, list):
        raise ValueError("tiers must be a list")
    found = []
    for one in stored:
        if not isinstance(one, Mapping) or set(one) - {"service_tier", "above_tokens", "prices"}:
            raise ValueError("a tier has service_tier, above_tokens and prices")
        name, above = one.get("service_tier") or "", one.get("above_tokens")
        if not isinstance(name, str) or (above is not None and (type(above) is not int or above < 0)):
            raise ValueError("service_tier is a word, above_tokens a number of tokens")
        found.append(PriceTier(name, ANY_LENGTH if above is None else above, parse_prices(one.get("prices", {}))))
    return tuple(sorted(found, key=lambda tier: (tier.service_tier, tier.above_tokens)))


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
