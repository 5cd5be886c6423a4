"""Many usages priced at once, to the last digit what `costs.pricing.price_with` says of each. Pure.

Unit prices are decimal fractions and quantities whole numbers, so a charge is a whole number of some 10⁻ᵏ: it is
multiplied in 64 bits (in Python's integers where that would not do) and rounded half-even to 1e-10 as the book does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from costs.pricing import PriceBook, Rate, RateCard
from costs.pricing import meters as m
from costs.savings.lines import (
    AUDIO_IN,
    AUDIO_OUT,
    CACHE_READ,
    INPUT,
    OUTPUT,
    REASONING,
    TOOL_CALLS,
    WRITE_1H,
    WRITE_5M,
)
from costs.savings.units import PLACES, Flags, Ints

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SAFE = 2**62


@dataclass(frozen=True, slots=True)
class Target:
    """Whose price list a line is priced by, the model's name there, and the tier that serves it."""

    price_list: str
    model: str
    context: tuple[tuple[str, str], ...] = ()

    def with_context(self, **parts: str) -> "Target":
        return Target(self.price_list, self.model, tuple(sorted({**dict(self.context), **parts}.items())))


@dataclass(slots=True)
class BatchPricer:
    """The book of one organization over the window `[start, end)`; a target's cards are resolved once."""

    book: PriceBook
    start: datetime
    end: datetime
    organization: str | None = None
    currency: str = "USD"
    targets: list[Target] = field(default_factory=list)
    _numbers: dict[Target, int] = field(default_factory=dict)
    _spans: dict[Target, list[tuple[int, int, RateCard | None]]] = field(default_factory=dict)

    def number(self, target: Target) -> int:
        """How arrays of targets name it."""
        if target not in self._numbers:
            self._numbers[target] = len(self.targets)
            self.targets.append(target)
        return self._numbers[target]

    def spans(self, target: Target) -> list[tuple[int, int, RateCard | None]]:
        """Its cards over the window by Unix milliseconds. A card of another currency is none."""
        if target not in self._spans:
            found = self.book.spans(
                target.price_list, target.model, self.start, self.end, dict(target.context), self.organization
            )
            self._spans[target] = [
                (_ms(start), _ms(end), card if card is not None and card.currency == self.currency else None)
                for start, end, card in found
            ]
        return self._spans[target]

    def cards(self, target: Target) -> list[RateCard]:
        """Its cards, oldest first; empty when the book does not know it over the whole window, or does not know the
        tier that is asked for."""
        cards = [card for _, _, card in self.spans(target)]
        if any(card is None or m.FLAG_UNKNOWN_TIER in card.flags for card in cards):
            return []
        return [card for card in cards if card is not None]

    def price(self, targets: Ints, at: Ints, tokens: Ints) -> tuple[Ints, Flags]:
        """`(cost, is_known)` of usages (9, n) that start `at`; `targets` are numbers, -1 costs nothing."""
        cost, known = np.zeros(len(at), dtype=np.int64), targets < 0
        for number in np.unique(targets).tolist():
            if number < 0:
                continue
            for start, end, card in self.spans(self.targets[number]):
                rows = np.flatnonzero((targets == number) & (at >= start) & (at < end))
                if len(rows) and card is not None:
                    cost[rows], known[rows] = price_by(card, tokens[:, rows])
        return cost, known


def price_by(card: RateCard, tokens: Ints) -> tuple[Ints, Flags]:
    """`(cost, is_known)` of usages (9, n) by one card, in 1e-10."""
    parts = tokens[CACHE_READ] + tokens[WRITE_5M] + tokens[WRITE_1H] + tokens[AUDIO_IN]
    whole = np.maximum(tokens[INPUT], parts)
    cost, known = np.zeros(tokens.shape[1], dtype=np.int64), np.zeros(tokens.shape[1], dtype=bool)
    left = np.ones(tokens.shape[1], dtype=bool)
    for tier in card.tiers:
        rows = np.flatnonzero(left & (whole > tier.above_tokens))
        if tier is card.tiers[-1]:
            rows = np.flatnonzero(left)
        left[rows] = False
        if len(rows):
            cost[rows], known[rows] = _by_rates(tier.rates, tokens[:, rows], parts[rows])
    return cost, known


def _by_rates(rates: Mapping[str, Rate], tokens: Ints, parts: Ints) -> tuple[Ints, Flags]:
    reasoning = tokens[REASONING] if m.REASONING in rates else np.zeros_like(tokens[REASONING])
    quantities = (
        (m.INPUT, tokens[INPUT] - parts),
        (m.CACHE_READ, tokens[CACHE_READ]),
        (m.CACHE_WRITE_5M, tokens[WRITE_5M]),
        (m.CACHE_WRITE_1H, tokens[WRITE_1H]),
        (m.AUDIO_INPUT, tokens[AUDIO_IN]),
        (m.OUTPUT, tokens[OUTPUT] - reasoning - tokens[AUDIO_OUT]),
        (m.REASONING, reasoning),
        (m.AUDIO_OUTPUT, tokens[AUDIO_OUT]),
        (m.REQUEST, np.ones_like(parts)),
        (m.TOOL_CALL, tokens[TOOL_CALLS]),
    )
    cost, known = np.zeros_like(parts), np.ones(len(parts), dtype=bool)
    for meter, quantity in quantities:
        used = np.maximum(quantity, 0)
        rate = rates.get(meter)
        if rate is not None:
            cost += _charges(rate, used)
        elif meter not in (m.REQUEST, m.TOOL_CALL):
            known &= used == 0
    return cost, known


def _charges(rate: Rate, quantity: Ints) -> Ints:
    """`quantity` × unit price in 1e-10, half-even."""
    _, digits, exponent = rate.unit_price.as_tuple()
    assert isinstance(exponent, int)
    mantissa = int("".join(map(str, digits)))
    power = exponent + PLACES
    factor, divisor = (mantissa * 10**power, 1) if power >= 0 else (mantissa, int(10**-power))
    most = int(quantity.max(initial=0))
    if most * factor < _SAFE and divisor < _SAFE:
        return _half_even(quantity * factor, divisor)
    exact = [_half_even_int(int(one) * factor, divisor) for one in quantity.tolist()]
    return np.asarray(exact, dtype=np.int64)


def _half_even(product: Ints, divisor: int) -> Ints:
    if divisor == 1:
        return product
    quotient, rest = product // divisor, product % divisor
    up = (2 * rest > divisor) | ((2 * rest == divisor) & (quotient % 2 == 1))
    return np.asarray(quotient + up)


def _half_even_int(product: int, divisor: int) -> int:
    quotient, rest = divmod(product, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1))


def _ms(at: datetime) -> int:
    return -((EPOCH - at) // _MILLISECOND)
