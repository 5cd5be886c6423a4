"""Prices of the demo's lines, vectorised: the product's own price book, in exact integers.

Unit prices are whole multiples of 1e-14 USD and costs of 1e-10 USD (the ledger's ten decimals), rounded half-even as
`costs.pricing` does; a test prices samples both ways.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Self

import numpy as np

from config.demo import story
from config.demo.calls import Calls, Ints
from config.demo.company import MODELS, PROVIDERS, Company
from costs.pricing import Override, PriceBook, RateCard, default_book

METERS = ("input", "cache_read", "cache_write_5m", "output")
MAX_TIERLESS_INPUT = 200_000
UNIT_SCALE, COST_SCALE = 14, 10
_STEP = 10 ** (UNIT_SCALE - COST_SCALE)


def override_of(company: Company) -> Override:
    """The contract price that begins in the middle of the 90 days."""
    return Override(
        id=str(company.price_override),
        organization=str(company.organization),
        provider="openai",
        model="gpt-5.4",
        valid_from=company.calendar.midnight(story.PRICE_CHANGE),
        prices=story.CONTRACT_PRICES,
    )


def book_of(company: Company) -> PriceBook:
    """The public list and the demo organization's contract."""
    return default_book().with_overrides([override_of(company)])


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Unit prices of every model on one day; rows of `unit` and `listed` are meters, columns models."""

    unit: Ints
    listed: Ints
    heads: tuple[tuple[str, ...], ...]
    """By meter and model: the JSON text of a charge up to its quantity and from there to its cost."""
    middles: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, company: Company, before: int) -> "Prices":
        """Prices at noon; the story changes them at midnight alone."""
        return _prices(company, before)

    @classmethod
    def make(cls, cards: list[RateCard], listed: list[RateCard]) -> Self:
        return cls(
            unit=_matrix(cards),
            listed=_matrix(listed),
            heads=tuple(tuple(_head(card, meter) for card in cards) for meter in METERS),
            middles=tuple(tuple(_middle(card, meter) for card in cards) for meter in METERS),
        )

    def quantities(self, calls: Calls) -> Ints:
        """Billed quantity by meter (rows) and call (columns)."""
        plain = calls.input - calls.cached - calls.written
        return np.stack([plain, calls.cached, calls.written, calls.output])

    def charges(self, calls: Calls) -> Ints:
        """Rounded cost by meter and call in 1e-10 USD. Raises ValueError where a used meter has no price."""
        return _costs(self.unit, self.quantities(calls), calls.served)

    def cost(self, calls: Calls) -> Ints:
        """Cost by call in 1e-10 USD: the sum of its rounded charges."""
        return np.asarray(self.charges(calls).sum(axis=0))

    def list_cost(self, calls: Calls) -> Ints:
        """The same at the public list's prices."""
        return np.asarray(_costs(self.listed, self.quantities(calls), calls.served).sum(axis=0))


@lru_cache(maxsize=128)
def _prices(company: Company, before: int) -> Prices:
    book, list_book = book_of(company), default_book()
    noon = datetime.combine(company.calendar.day(before), datetime.min.time().replace(hour=12), UTC)
    own, listed = ([_card(source, company, name, noon) for name in MODELS] for source in (book, list_book))
    return Prices.make(own, listed)


def _card(book: PriceBook, company: Company, model: str, at: datetime) -> RateCard:
    price_list = PROVIDERS[MODELS[model][0]][2]
    card = book.resolve(price_list, model, at, organization=str(company.organization))
    if card is None:
        raise ValueError(f"the price list has no {price_list}/{model}")
    return card


def _matrix(cards: list[RateCard]) -> Ints:
    rows = [[_scaled(card, meter) for card in cards] for meter in METERS]
    return np.array([[*row, 0] for row in rows], dtype=np.int64)  # the last column: no model


def _scaled(card: RateCard, meter: str) -> int:
    rate = card.rates_for(MAX_TIERLESS_INPUT).get(meter)
    if rate is None:
        return -1
    scaled = rate.unit_price.scaleb(UNIT_SCALE)
    if scaled != int(scaled):
        raise ValueError(f"{rate.rate_id}: {rate.unit_price} is finer than 1e-{UNIT_SCALE}")
    return int(scaled)


def _costs(unit: Ints, quantities: Ints, served: Ints) -> Ints:
    price = unit[:, served]
    if ((price < 0) & (quantities > 0)).any():
        raise ValueError("a meter is used that has no price")
    return half_even(quantities * price.clip(0))


def half_even(exact: Ints) -> Ints:
    """1e-14 → 1e-10 USD, ties to the even neighbour (as `decimal.ROUND_HALF_EVEN`); not for negatives."""
    quotient, rest = np.divmod(exact, _STEP)
    up = (rest * 2 > _STEP) | ((rest * 2 == _STEP) & (quotient % 2 == 1))
    return np.asarray(quotient + up)


def _head(card: RateCard, meter: str) -> str:
    rate = card.rates_for(MAX_TIERLESS_INPUT).get(meter)
    return "" if rate is None else f'{{"meter":"{meter}","rate_id":"{rate.rate_id}","quantity":"'


def _middle(card: RateCard, meter: str) -> str:
    rate = card.rates_for(MAX_TIERLESS_INPUT).get(meter)
    return "" if rate is None else f'","unit_price":"{rate.unit_price:f}","cost":"'


def money(units: int) -> str:
    """1e-10 USD as a plain decimal."""
    return f"{units // 10**COST_SCALE}.{units % 10**COST_SCALE:0{COST_SCALE}d}"


def to_decimal(units: int) -> Decimal:
    return Decimal(units).scaleb(-COST_SCALE)
