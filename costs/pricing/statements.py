"""The public lists as flat statements "this rate, over that window": what the price book stores and shows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from . import meters as m
from .cards import EXACT
from .catalogue import dated
from .listing import HOURLY, RATES, SECONDS_PER_HOUR, providers, stated_prices
from .litellm import Facts

if TYPE_CHECKING:
    from genai_prices import types as genai


class Subject(NamedTuple):
    """What a rate is about; see `catalogue.DatedRate`."""

    provider: str
    model: str
    context: str
    meter: str
    above: int


class Statement(NamedTuple):
    """`amount` per unit over ``[valid_from, valid_to)``; None is open."""

    subject: Subject
    amount: Decimal
    valid_from: datetime | None = None
    valid_to: datetime | None = None


def of_litellm(facts: Facts) -> Iterator[Statement]:
    """LiteLLM's file states today's prices alone."""
    for provider, models in facts.items():
        for model, contexts in models.items():
            for rate in dated(contexts, ""):
                yield Statement(Subject(provider, model, rate.context, rate.meter, rate.above), rate.amount)


def of_genai_prices() -> Iterator[Statement]:
    """The first list with its history. A price by the time of day has it in its context, as `time=16:30-00:30`."""
    for provider in providers():
        for model in provider.models:
            prices = model.prices if isinstance(model.prices, list) else None
            standard = [(c.constraint, c.prices) for c in prices] if prices else [(None, model.prices)]
            yield from _windows(provider.id, model.id.lower(), "", standard)
            variants: dict[str, list[tuple[Any, Any]]] = {}
            for variant in model.price_variants or ():
                context = ",".join(f"{key}={value}" for key, value in sorted(variant.when.items()))
                variants.setdefault(context, []).append((variant.constraint, variant.prices))
            for context, stated in variants.items():
                yield from _windows(provider.id, model.id.lower(), context, stated)


def _windows(provider: str, model: str, context: str, stated: list[tuple[Any, Any]]) -> Iterator[Statement]:
    """Prices one after the other end each other; those by the time of day stand beside them."""
    dates: dict[datetime | None, genai.ModelPrice] = {}
    for constraint, prices in stated:
        if constraint is None:
            dates[None] = prices
        elif (day := getattr(constraint, "start_date", None)) is not None:
            dates[datetime.combine(day, time.min, UTC)] = prices
        else:
            hours = f"time={constraint.start_time:%H:%M}-{constraint.end_time:%H:%M}"
            where = f"{hours},{context}" if context else hours
            for meter, above, amount in _amounts(prices):
                yield Statement(Subject(provider, model, where, meter, above), amount)
    starts = sorted(dates, key=lambda start: (start is not None, start or datetime.min.replace(tzinfo=UTC)))
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        for meter, above, amount in _amounts(dates[start]):
            yield Statement(Subject(provider, model, context, meter, above), amount, start, end)


def _amounts(prices: genai.ModelPrice) -> Iterator[tuple[str, int, Decimal]]:
    found: dict[tuple[str, int], Decimal] = {}
    stated: Mapping[str, Any] = stated_prices(prices)
    for key, meter, exponent in RATES:
        if key in stated:
            for above, amount in _bounds(stated[key]):
                found[meter, above] = EXACT.scaleb(amount, exponent)
    for key in HOURLY:
        if key in stated:
            for above, amount in _bounds(stated[key]):
                found[m.AUDIO_SECOND, above] = EXACT.divide(amount, SECONDS_PER_HOUR)
    for (meter, above), amount in found.items():
        yield meter, above, amount


def _bounds(value: Any) -> Iterator[tuple[int, Decimal]]:
    if isinstance(value, Decimal):
        yield -1, value
        return
    yield -1, value.base
    for tier in value.tiers:
        yield tier.start, tier.price
