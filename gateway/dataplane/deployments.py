"""What this process has seen of each deployment (provider × upstream model): breaker, load, latency, cool-down.

Fed synchronously by attempts as they begin and are settled; read by routing, `/metrics` and the heartbeat.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gateway.dataplane.breaker import CLOSED, HALF_OPEN, OPEN, Breaker
from gateway.dataplane.observed import MovingMean, PeakMean

if TYPE_CHECKING:
    from gateway.dataplane.settle import Outcome
    from gateway.dataplane.views import Target

MAX_KEPT = 2_000
MAX_REPORTED = 100
REPORTED_FOR_S = 900.0
LONGEST_COOLDOWN_S = 300.0
STATE_NUMBERS = {CLOSED: 0, HALF_OPEN: 1, OPEN: 2}
FAULTS = frozenset({"upstream_error", "timeout"})
# Not the deployment's fault: a connection that had idled too long, a defect of ours, our own deadline, a full quota.
BLAMELESS = frozenset({"stale_connection", "internal_error", "deadline_exceeded", "upstream_rate_limit"})


def _nothing(_deployment: "Deployment") -> None:
    """Nobody listens."""


class Deployment:
    """Live figures of one deployment. Latencies are ms: `first` of streams to their first byte, `whole` of answers."""

    __slots__ = ("breaker", "cached_share", "cooldown_until", "first", "in_flight", "last_error", "last_used", "model",
                 "output", "provider", "slug", "whole")  # fmt: skip

    def __init__(
        self, provider: str, slug: str, model: str, on_change: "Callable[[Deployment], None]" = _nothing
    ) -> None:
        self.provider = provider
        self.slug = slug
        self.model = model
        self.breaker = Breaker(lambda _breaker: on_change(self))
        self.in_flight = 0
        self.first = PeakMean()
        self.whole = PeakMean()
        self.output = MovingMean()
        self.cached_share = MovingMean()
        self.cooldown_until = 0.0
        self.last_error: str | None = None
        self.last_used = 0.0

    @property
    def key(self) -> str:
        return f"{self.provider}:{self.model}"

    def began(self, now: float) -> int:
        """An attempt starts; returns the breaker's epoch, which its end has to name."""
        self.in_flight += 1
        self.last_used = now
        return self.breaker.epoch

    def settled(self, now: float, epoch: int, outcome: "Outcome", duration_s: float, is_stream: bool) -> None:
        """An attempt ended."""
        self.in_flight -= 1
        if outcome.status in FAULTS:
            self.last_error = outcome.error_type
            if outcome.error_type not in BLAMELESS:
                self.breaker.failed(now, epoch)
        elif outcome.status in ("ok", "denied", "client_error"):
            self.breaker.succeeded(now, epoch)
        if outcome.status == "ok":
            self._learn(now, outcome, duration_s, is_stream)

    def _learn(self, now: float, outcome: "Outcome", duration_s: float, is_stream: bool) -> None:
        if not is_stream:
            self.whole.add(now, duration_s * 1000)
        elif outcome.first_byte_s is not None:
            self.first.add(now, outcome.first_byte_s * 1000)
        if outcome.usage is not None:
            tokens = outcome.usage.tokens
            self.output.add(tokens.get("output_tokens", 0))
            if asked := tokens.get("input_tokens", 0):
                self.cached_share.add(tokens.get("cache_read_tokens", 0) / asked)

    def cool_down(self, now: float, seconds: float) -> None:
        """The provider asked for a pause (429 with `Retry-After`): others are preferred until then."""
        self.cooldown_until = max(self.cooldown_until, now + min(seconds, LONGEST_COOLDOWN_S))

    def has_news(self, now: float) -> bool:
        """Whether this process called it, or knows that it is left alone: else there is nothing to export."""
        return bool(self.last_used or self.breaker.opened) or self.breaker.state != CLOSED or self.cooldown_until > now

    def latency_ms(self, now: float, *, is_stream: bool) -> float | None:
        """Peak-sensitive mean of what such a call waits for; of the other sort while there was none of its own."""
        own, other = (self.first, self.whole) if is_stream else (self.whole, self.first)
        value = own.at(now)
        return other.at(now) if value is None else value

    def report(self, now: float) -> dict[str, Any]:
        """What other processes may know, as JSON."""
        figures = {
            "state": self.breaker.state,
            "retry_in_s": self.breaker.retry_in(now),
            "opened": self.breaker.opened,
            "cooldown_s": max(0.0, self.cooldown_until - now),
            "in_flight": self.in_flight,
            "first_ms": self.first.at(now),
            "whole_ms": self.whole.at(now),
            "output_tokens": self.output.value,
            "cached_share": self.cached_share.value,
            "last_error": self.last_error,
        }
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


class Deployments:
    """All deployments a process has called. `clock` is monotonic seconds; `on_change` hears of every breaker whose
    state this process changed by what it saw."""

    def __init__(self) -> None:
        self.clock = time.monotonic
        self.on_change: Callable[[Deployment], None] = _nothing
        self._found: dict[tuple[str, str], Deployment] = {}

    def of(self, target: "Target") -> Deployment:
        """The figures of a target's deployment, from nothing when it was never called."""
        found = self._found.get((target.provider.id, target.upstream_name))
        return found or self.named(target.provider.id, target.provider.slug, target.upstream_name)

    def named(self, provider: str, slug: str, model: str) -> Deployment:
        """The same by names: another process's."""
        found = self._found.get((provider, model))
        if found is None:
            if len(self._found) >= MAX_KEPT:
                self._forget_oldest()
            found = self._found[provider, model] = Deployment(provider, slug, model, self._changed)
        return found

    def _changed(self, deployment: Deployment) -> None:
        self.on_change(deployment)

    def of_provider(self, provider: str) -> list[Deployment]:
        return [found for found in self._found.values() if found.provider == provider]

    def get(self, provider: str, model: str) -> Deployment | None:
        return self._found.get((provider, model))

    def __iter__(self) -> Iterator[Deployment]:
        return iter(list(self._found.values()))

    def _forget_oldest(self) -> None:
        """Names that left the catalogue must not pile up; one with running attempts stays."""
        idle = [key for key, found in self._found.items() if not found.in_flight]
        for key in sorted(idle, key=lambda key: self._found[key].last_used)[: MAX_KEPT // 4]:
            del self._found[key]

    def report(self) -> dict[str, Any]:
        """The recently used ones and every one that is not closed, by key, bounded. Read by the keeper's thread."""
        now = self.clock()
        shown = [d for d in self if now - d.last_used < REPORTED_FOR_S or d.breaker.state != CLOSED]
        shown.sort(key=lambda d: (d.breaker.state == CLOSED, -d.last_used))
        return {"deployments": {d.key: d.report(now) for d in shown[:MAX_REPORTED]}}

    def metrics(self) -> list[str]:
        """Prometheus lines: breaker state and openings, running attempts, cool-downs."""
        now = self.clock()
        shown = sorted((d for d in self if d.has_news(now)), key=lambda d: (d.slug, d.model, d.provider))
        lines = ["# HELP gateway_breaker_state 0 closed, 1 half-open, 2 open", "# TYPE gateway_breaker_state gauge"]
        lines += [f"gateway_breaker_state{{{_labels(d)}}} {STATE_NUMBERS[d.breaker.state]}" for d in shown]
        lines.append("# TYPE gateway_breaker_opened_total counter")
        lines += [f"gateway_breaker_opened_total{{{_labels(d)}}} {d.breaker.opened}" for d in shown]
        lines.append("# TYPE gateway_deployment_in_flight gauge")
        lines += [f"gateway_deployment_in_flight{{{_labels(d)}}} {d.in_flight}" for d in shown]
        lines.append("# TYPE gateway_deployment_cooldown_seconds gauge")
        lines += [
            f"gateway_deployment_cooldown_seconds{{{_labels(d)}}} {d.cooldown_until - now:.1f}"
            for d in shown
            if d.cooldown_until > now
        ]
        return lines


def _labels(deployment: Deployment) -> str:
    """The slug is for people; two organizations may both have a provider of that name."""
    slug, model = _escaped(deployment.slug), _escaped(deployment.model)
    return f'provider="{slug}",provider_id="{deployment.provider}",model="{model}"'


def _escaped(text: str) -> str:
    """A label's value (Prometheus, "Exposition formats")."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
