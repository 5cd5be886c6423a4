"""Prices of the demo's lines, vectorised: the product's own price book, in exact integers.

Unit prices are whole multiples of 1e-14 USD and costs of 1e-10 USD (the ledger's ten decimals), rounded half-even as
`costs.pricing` does; a test prices samples both ways.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Self

import numpy as np

from config.demo import story
from config.demo.calls import Calls, Ints
from config.demo.commitments import covers_of
from config.demo.company import MODELS, PROVIDERS, Company
from costs.pricing import Override, PriceBook, Rate, RateCard, default_book
from costs.pricing.meters import FLAG_UNKNOWN_TIER

METERS = ("input", "cache_read", "cache_write_5m", "output")
NO_BOUND = 1 << 62
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
    """The public list and the demo organization's contract and commitments."""
    return default_book().with_covers(covers_of(company)).with_overrides([override_of(company)])


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Unit prices of every model on one day; rows of `unit` and `listed` are meters. Columns are models and "no model",
    then the same again at the prices above each model's `bound` of input tokens."""

    unit: Ints
    listed: Ints
    bound: Ints
    heads: tuple[tuple[str, ...], ...]
    """By meter and column: the JSON text of a charge up to its quantity and from there to its cost."""
    middles: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, company: Company, before: int, *, batch: bool = False) -> "Prices":
        """Prices at noon; the story changes them at midnight alone. `batch`: what a batch costs, -1 where there is none
        (which raises when it is used)."""
        return _prices(company, before, batch)

    @classmethod
    def make(cls, cards: list[RateCard | None], listed: list[RateCard | None]) -> Self:
        rates = [*_columns(cards, above=False), *_columns(cards, above=True)]
        return cls(
            unit=_matrix(cards),
            listed=_matrix(listed),
            bound=np.array([*(NO_BOUND if card is None else _bound(card) for card in cards), NO_BOUND], dtype=np.int64),
            heads=tuple(tuple(_head(each.get(meter), meter) for each in rates) for meter in METERS),
            middles=tuple(tuple(_middle(each.get(meter)) for each in rates) for meter in METERS),
        )

    def columns(self, calls: Calls) -> Ints:
        """By which column each call is priced."""
        width = len(self.bound)
        served = np.where(calls.served < 0, width - 1, calls.served)
        return np.asarray(served + width * (calls.input > self.bound[served]))

    def quantities(self, calls: Calls) -> Ints:
        """Billed quantity by meter (rows) and call (columns)."""
        plain = calls.input - calls.cached - calls.written
        return np.stack([plain, calls.cached, calls.written, calls.output])

    def charges(self, calls: Calls) -> Ints:
        """Rounded cost by meter and call in 1e-10 USD. Raises ValueError where a used meter has no price."""
        return _costs(self.unit, self.quantities(calls), self.columns(calls))

    def cost(self, calls: Calls) -> Ints:
        """Cost by call in 1e-10 USD: the sum of its rounded charges."""
        return np.asarray(self.charges(calls).sum(axis=0))

    def list_cost(self, calls: Calls) -> Ints:
        """The same at the public list's prices."""
        return np.asarray(_costs(self.listed, self.quantities(calls), self.columns(calls)).sum(axis=0))


@lru_cache(maxsize=256)
def _prices(company: Company, before: int, batch: bool) -> Prices:
    book, list_book = book_of(company), default_book()
    noon = datetime.combine(company.calendar.day(before), datetime.min.time().replace(hour=12), UTC)
    own, listed = ([_card(source, company, name, noon, batch) for name in MODELS] for source in (book, list_book))
    return Prices.make(own, listed)


def _card(book: PriceBook, company: Company, model: str, at: datetime, batch: bool) -> RateCard | None:
    """None: there is no batch of it."""
    provider = MODELS[model][0]
    price_list, organization = PROVIDERS[provider][2], str(company.organization)
    card = book.resolve(price_list, model, at, {"processing": "batch"} if batch else {}, organization, provider)
    if card is None:
        raise ValueError(f"the price list has no {price_list}/{model}")
    return None if FLAG_UNKNOWN_TIER in card.flags else card


def _bound(card: RateCard) -> int:
    """Input tokens above which its second prices hold."""
    if len(card.tiers) > 2:
        raise ValueError(f"{card.model}: more than two tiers of prompt length")
    return card.tiers[0].above_tokens if len(card.tiers) == 2 else NO_BOUND


def _columns(cards: list[RateCard | None], *, above: bool) -> list[Mapping[str, Rate]]:
    """Rates by meter of each column; the last: no model."""
    return [*({} if card is None else card.tiers[0 if above else -1].rates for card in cards), {}]


def _matrix(cards: list[RateCard | None]) -> Ints:
    columns = [_columns(cards, above=above) for above in (False, True)]
    rows = [
        [price for part in columns for price in (*(_scaled(rates.get(meter)) for rates in part[:-1]), 0)]
        for meter in METERS
    ]
    return np.array(rows, dtype=np.int64)


def _scaled(rate: Rate | None) -> int:
    if rate is None:
        return -1
    scaled = rate.unit_price.scaleb(UNIT_SCALE)
    if scaled != int(scaled):
        raise ValueError(f"{rate.rate_id}: {rate.unit_price} is finer than 1e-{UNIT_SCALE}")
    return int(scaled)


def _costs(unit: Ints, quantities: Ints, columns: Ints) -> Ints:
    price = unit[:, columns]
    if ((price < 0) & (quantities > 0)).any():
        raise ValueError("a meter is used that has no price")
    return half_even(quantities * price.clip(0))


def half_even(exact: Ints) -> Ints:
    """1e-14 → 1e-10 USD, ties to the even neighbour (as `decimal.ROUND_HALF_EVEN`); not for negatives."""
    quotient, rest = np.divmod(exact, _STEP)
    up = (rest * 2 > _STEP) | ((rest * 2 == _STEP) & (quotient % 2 == 1))
    return np.asarray(quotient + up)


def _head(rate: Rate | None, meter: str) -> str:
    return "" if rate is None else f'{{"meter":"{meter}","rate_id":"{rate.rate_id}","quantity":"'


def _middle(rate: Rate | None) -> str:
    return "" if rate is None else f'","unit_price":"{rate.unit_price:f}","cost":"'


def money(units: int) -> str:
    """1e-10 USD as a plain decimal."""
    return f"{units // 10**COST_SCALE}.{units % 10**COST_SCALE:0{COST_SCALE}d}"


def to_decimal(units: int) -> Decimal:
    return Decimal(units).scaleb(-COST_SCALE)
