"""How good targets are beside each other, from 0 to 1. Each property is compared with the best one at hand:

cost and latency: best ÷ own (half as fast scores half), load: the same of (running calls + 1) ÷ weight,
quality: own ÷ best. Latency is weighed by the calls already running there, as in Finagle's `PeakEwma` balancer.
Unknown figures: a target without a price or without enough quality scores scores 0 there, one without a measured
latency scores 1, so that it gets measured. Where no target has a quality, quality does not count: there is nothing to
compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple, Protocol

from gateway.dataplane.routing.policy import Weights
from gateway.dataplane.views import Target

LEAST = 0.001
"""Scored by any known price beside one that is free."""


class Price(NamedTuple):
    """An amount of money. Prices in another currency than the first known one count as unknown."""

    amount: Decimal
    currency: str


class Signals(Protocol):
    """What is known of targets at this moment: live in a data plane, as reported by data planes in a simulation."""

    def obstacle(self, target: Target) -> str | None:
        """Why the target cannot be tried now; None when it can."""

    def is_cooling(self, target: Target) -> bool:
        """Whether the provider asked for a pause that is not over."""

    def price(self, target: Target) -> Price | None:
        """Expected price of the call there; None when no price is known."""

    def latency_ms(self, target: Target) -> float | None:
        """What such a call waits there; None before the first one."""

    def in_flight(self, target: Target) -> int:
        """Running calls."""

    def quality(self, target: Target) -> float | None:
        """Mean of the recorded scores, 0 to 1; None without enough of them."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A target with what its score is made of; a figure that the weights do not ask for is None."""

    target: Target
    score: float | None = None
    price: Price | None = None
    latency_ms: float | None = None
    in_flight: int | None = None
    quality: float | None = None


def scored(targets: Sequence[Target], weights: Weights, signals: Signals) -> list[Scored]:
    """In the order given. Without weights, and with none left, there are no scores."""
    if not weights.total:
        return [Scored(target) for target in targets]
    found = [_measured(target, weights, signals) for target in targets]
    if weights.quality and all(item.quality is None for item in found):
        weights = replace(weights, quality=0.0)
    if not weights.total:
        return found
    parts = (
        (weights.cost, _cheapness(found)),
        (weights.latency, _speed(found)),
        (weights.load, _room(found)),
        (weights.quality, _goodness(found)),
    )
    return [
        replace(item, score=round(sum(weight * part[n] for weight, part in parts if weight) / weights.total, 6))
        for n, item in enumerate(found)
    ]


def _measured(target: Target, weights: Weights, signals: Signals) -> Scored:
    return Scored(
        target,
        price=signals.price(target) if weights.cost else None,
        latency_ms=signals.latency_ms(target) if weights.latency else None,
        in_flight=signals.in_flight(target) if weights.latency or weights.load else None,
        quality=signals.quality(target) if weights.quality else None,
    )


def _cheapness(items: Sequence[Scored]) -> list[float]:
    currency = next((item.price.currency for item in items if item.price is not None), "")
    costs = [item.price.amount if item.price and item.price.currency == currency else None for item in items]
    least = min((cost for cost in costs if cost is not None), default=Decimal(0))
    return [0.0 if cost is None else 1.0 if cost <= least else max(LEAST, float(least / cost)) for cost in costs]


def _speed(items: Sequence[Scored]) -> list[float]:
    waits = [None if item.latency_ms is None else item.latency_ms * ((item.in_flight or 0) + 1) for item in items]
    least = min((wait for wait in waits if wait is not None), default=0.0)
    return [1.0 if wait is None or wait <= least else least / wait for wait in waits]


def _room(items: Sequence[Scored]) -> list[float]:
    loads = [((item.in_flight or 0) + 1) / item.target.weight if item.target.weight else None for item in items]
    least = min((load for load in loads if load is not None), default=0.0)
    return [0.0 if load is None else least / load for load in loads]


def _goodness(items: Sequence[Scored]) -> list[float]:
    best = max((item.quality for item in items if item.quality is not None), default=0.0)
    return [item.quality / best if item.quality and best else 0.0 for item in items]
