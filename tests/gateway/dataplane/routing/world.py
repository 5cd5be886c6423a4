"""Calls, targets and signals for routing tests, without a network."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from gateway.dataplane import call as call_module
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.routing.decision import Decision, choose, decide
from gateway.dataplane.routing.facts import Facts
from gateway.dataplane.routing.parse import parse
from gateway.dataplane.routing.policy import Policy
from gateway.dataplane.routing.scorer import Price
from gateway.dataplane.upstream import Origin, Timeouts
from gateway.dataplane.views import KeyView, ProviderView, Target

KEY = KeyView("key-1", "org-1", "project-1", "team-1", "user-1", frozenset(), frozenset(), None, None, None, None)


def target(name: str, priority: int = 0, weight: int = 1, **traits: Any) -> Target:
    """Target `x` is model `x` at provider `p-x`."""
    provider = ProviderView(f"id-{name}", f"p-{name}", "openai", "openai", Origin("h", 80, False), "", "", Timeouts())
    traits = {name: frozenset(value) if isinstance(value, set) else value for name, value in traits.items()}
    return Target(name, name, provider, priority=priority, weight=weight, **traits)


def facts(body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
          path: str = "/v1/chat/completions") -> Facts:  # fmt: skip
    raw = {name.lower().encode(): value.encode() for name, value in (headers or {}).items()}
    call = call_module.new_call(ENDPOINTS[path], raw, "127.0.0.1")
    default = {"input": "hello"} if path == "/v1/embeddings" else {"messages": [{"role": "user", "content": "hello"}]}
    call_module.parse(call, json.dumps({"model": "m", **default, **(body or {})}).encode())
    call.key = KEY
    return Facts(call)


@dataclass
class FakeSignals:
    """Figures by target name."""

    prices: dict[str, str] = field(default_factory=dict)
    latencies: dict[str, float] = field(default_factory=dict)
    running: dict[str, int] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    barred: frozenset[str] = frozenset()
    cooling: frozenset[str] = frozenset()
    currencies: dict[str, str] = field(default_factory=dict)

    def obstacle(self, target: Target) -> str | None:
        return "circuit_open" if target.name in self.barred else None

    def is_cooling(self, target: Target) -> bool:
        return target.name in self.cooling

    def price(self, target: Target) -> Price | None:
        amount = self.prices.get(target.name)
        return None if amount is None else Price(Decimal(amount), self.currencies.get(target.name, "USD"))

    def latency_ms(self, target: Target) -> float | None:
        return self.latencies.get(target.name)

    def in_flight(self, target: Target) -> int:
        return self.running.get(target.name, 0)

    def quality(self, target: Target) -> float | None:
        return self.scores.get(target.name)


def policy(strategy: str = "priority", config: Mapping[str, Any] | None = None, **columns: Any) -> Policy:
    return parse(dict(config or {}), strategy=strategy, alias="route", **columns)


def decided(targets: list[Target], how: Policy | None = None, signals: FakeSignals | None = None, seed: int = 1,
            on: Facts | None = None, **options: Any) -> Decision:  # fmt: skip
    call, chosen, rng = on or facts(), how or policy(), random.Random(seed)
    return decide(call, targets, chosen, signals or FakeSignals(), rng, choice=choose(call, chosen, rng), **options)


def names(decision: Decision) -> str:
    return " ".join(item.name for item in decision.targets)
