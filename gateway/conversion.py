"""Amounts in another currency, by rates that somebody stated for the day. The converter is an app's, named in the
settings; without one, or without a rate, nothing is converted."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
PLACES = Decimal("1e-10")


class Step(NamedTuple):
    """From `start` on one unit is `factor` units of the other currency; `words` say which rate that is."""

    start: datetime
    factor: Decimal
    words: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """From `base` to `quote` by day in UTC, oldest step first. Before the first one there is no rate."""

    base: str
    quote: str
    steps: tuple[Step, ...] = ()

    def at(self, moment: datetime) -> Step | None:
        """The rate that stands at an aware time."""
        place = bisect_right([step.start for step in self.steps], moment)
        return self.steps[place - 1] if place else None

    def convert(self, amount: Decimal, moment: datetime) -> Decimal | None:
        """The amount by the rate of its day, not rounded; None without a rate."""
        step = self.at(moment)
        return None if step is None else EXACT.multiply(amount, step.factor)


Converter = Callable[[UUID, str, str], Conversion]
"""(organization, base, quote) → the rates as the organization has them."""


def conversion(organization: UUID, base: str, quote: str) -> Conversion:
    """By `settings.GATEWAY_CONVERTER`; nothing known when none is named. A currency in itself is one for one."""
    found = _converter()
    return Conversion(base, quote) if found is None else found(organization, base, quote)


def rounded(amount: Decimal) -> Decimal:
    """Half-even to ten places; once, at the end."""
    return EXACT.quantize(amount, PLACES)


@cache
def _converter() -> Converter | None:
    return import_string(settings.GATEWAY_CONVERTER) if settings.GATEWAY_CONVERTER else None
