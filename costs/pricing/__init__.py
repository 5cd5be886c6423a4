"""Exact prices: what one call's usage costs, line by line, in Decimal. Pure: no Django, no database, no network.

``price(usage, provider=…, model=…, at=…)`` answers from the default book, the imported public list. ``meters`` holds
the usage contract. A price that is not known gives ``total`` None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache

from .book import NO_CONTEXT, PriceBook
from .cards import Charge, Priced, Rate, RateCard, RateTier, price_with, upper_bound
from .covers import Cover
from .meters import METERS, TOKEN_METERS, UNIT_METERS, USAGE_KEYS, Usage
from .overrides import Override, PriceTier, parse_prices, parse_tiers

__all__ = (
    "METERS",
    "TOKEN_METERS",
    "UNIT_METERS",
    "USAGE_KEYS",
    "Charge",
    "Cover",
    "Override",
    "PriceBook",
    "PriceTier",
    "Priced",
    "Rate",
    "RateCard",
    "RateTier",
    "Usage",
    "default_book",
    "parse_prices",
    "parse_tiers",
    "price",
    "price_with",
    "upper_bound",
)


@cache
def default_book() -> PriceBook:
    """The process's book without overrides. The list itself is read at the first resolution."""
    return PriceBook()


def price(
    usage: Usage,
    *,
    provider: str,
    model: str,
    at: datetime | date,
    context: Mapping[str, str] = NO_CONTEXT,
) -> Priced:
    """Price ``usage`` by the public list as it stood at ``at`` (naive = UTC); see ``PriceBook.price``."""
    return default_book().price(usage, provider=provider, model=model, at=at, context=context)
