"""What routing is told of targets while it decides: this process's live figures, prices and recorded quality."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from gateway.dataplane.protocols import Pricer
from gateway.dataplane.routing import expected
from gateway.dataplane.routing.facts import Facts
from gateway.dataplane.routing.scorer import Price
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

CIRCUIT_OPEN = "circuit_open"
PRICE_KEPT_S = 30.0
MAX_PRICES = 4_096
QUALITY = "quality"
"""Name under which a snapshot loader brings recorded scores: `{(organization, provider slug, model name): mean}`,
0 to 1; the gateway's own is `quality.QualityLoader`. A target that is not in it has too few scores."""


class Prices:
    """Expected prices, remembered for half a minute: many calls are of the same size, to two digits."""

    def __init__(self, pricer: Pricer) -> None:
        self._pricer = pricer
        self._known: dict[tuple[object, ...], tuple[float, Price | None]] = {}

    def of(self, target: Target, usage: Mapping[str, int], organization: str) -> Price | None:
        """None when no price is known."""
        provider = target.provider
        key = (
            provider.slug, provider.price_list, provider.price_region, target.upstream_name, organization,
            *usage.values(),
        )  # fmt: skip
        now = time.monotonic()
        found = self._known.get(key)
        if found is not None and found[0] > now:
            return found[1]
        price = price_of(self._pricer, target, usage, organization)
        if len(self._known) >= MAX_PRICES:
            self._known.clear()
        self._known[key] = (now + PRICE_KEPT_S, price)
        return price


def price_of(pricer: Pricer, target: Target, usage: Mapping[str, int], organization: str) -> Price | None:
    """Today's price of `usage` at a target; None when none is known."""
    columns = pricer.price(
        usage, price_list=target.provider.price_list, model=target.upstream_name, at=datetime.now(UTC),
        organization=organization, context=target.provider.price_context({}), served_by=target.provider.slug,
    )  # fmt: skip
    return None if columns["cost"] is None else Price(Decimal(columns["cost"]), columns["currency"])


class LiveSignals:
    """Implements `routing.scorer.Signals` for one call."""

    __slots__ = ("_facts", "_now", "_runtime")

    def __init__(self, facts: Facts, runtime: "Runtime") -> None:
        self._facts = facts
        self._runtime = runtime
        self._now = runtime.deployments.clock()

    def obstacle(self, target: Target) -> str | None:
        breaker = self._runtime.deployments.of(target).breaker
        return None if breaker.may_admit(self._now) else CIRCUIT_OPEN

    def is_cooling(self, target: Target) -> bool:
        return self._runtime.deployments.of(target).cooldown_until > self._now

    def price(self, target: Target) -> Price | None:
        deployment, key = self._runtime.deployments.of(target), self._facts.call.key
        usage = expected.usage_of(self._facts, deployment.output.value, deployment.cached_share.value)
        return self._runtime.prices.of(target, usage, key.organization if key is not None else "")

    def latency_ms(self, target: Target) -> float | None:
        deployment = self._runtime.deployments.of(target)
        return deployment.latency_ms(self._now, is_stream=self._facts.is_stream)

    def in_flight(self, target: Target) -> int:
        return self._runtime.deployments.of(target).in_flight

    def quality(self, target: Target) -> float | None:
        known: Mapping[tuple[str, str, str], float] = self._runtime.snapshot.extras.get(QUALITY, {})
        key = self._facts.call.key
        return known.get((key.organization if key is not None else "", target.provider.slug, target.name))
