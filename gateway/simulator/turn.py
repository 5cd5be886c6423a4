"""One authenticated request on its way to an endpoint, with what every wire format needs to answer it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.simulator.calls import ProviderError, Usage
from gateway.simulator.catalog import SimModel
from gateway.simulator.delivery import Delivery
from gateway.simulator.faults import Fault
from gateway.simulator.latency import Pace, draw_pace
from gateway.simulator.limits import RateLimiter
from gateway.simulator.options import SimulatorOptions
from gateway.simulator.prefix_cache import PrefixCache
from gateway.simulator.request_log import Outcome, Record
from gateway.simulator.server import Exchange, Header
from gateway.simulator.storage import Storage

if TYPE_CHECKING:
    from gateway.simulator.wire.format import WireFormat


@dataclass(slots=True)
class Turn:
    """`headers` go with the answer, whatever it is; `number` is the request's deterministic 64-bit number;
    `deployment` names the model where the path does.
    """

    format: WireFormat
    options: SimulatorOptions
    cache: PrefixCache
    limiter: RateLimiter
    exchange: Exchange
    record: Record
    number: int
    key: str
    fault: Fault | None
    headers: list[Header] = field(default_factory=list)
    deployment: str = ""
    storage: Storage = field(default_factory=Storage)

    @property
    def fault_kind(self) -> str:
        """Kind of the fault, "" without one."""
        return self.fault.kind if self.fault else ""

    @property
    def paced_by(self) -> str | None:
        """The `x-sim-paced` header."""
        value = self.exchange.headers.get(b"x-sim-paced")
        return None if value is None else value.decode("latin-1")

    def admit(self, tokens: int) -> None:
        """Count the request against the key's limits. Raises a 429 `ProviderError` when one is used up."""
        verdict = self.limiter.admit(self.key, tokens, rpm=self.options.rpm, tpm=self.options.tpm)
        self.headers += self.format.limit_headers(verdict.levels)
        if verdict.refused_by is None:
            return
        message = (
            f"Rate limit reached on {verdict.refused_by} per min: Limit {verdict.limit}. "
            f"Please try again in {verdict.retry_after_s:.3g}s."
        )
        headers = [
            (b"retry-after", b"%d" % max(1, round(verdict.retry_after_s + 0.5))),
            (b"retry-after-ms", b"%d" % (verdict.retry_after_s * 1000)),
        ]
        raise ProviderError(429, message, kind=verdict.refused_by, code="rate_limit_exceeded", headers=headers)

    def draw_pace(self, model: SimModel, usage: Usage) -> Pace:
        """Schedule of the answer; no delays in instant mode."""
        if self.options.instant:
            return Pace()
        rng = random.Random(self.number)
        fresh = usage.prompt - usage.cached
        return draw_pace(model, self.options, rng, fresh_tokens=fresh, reasoning_tokens=usage.reasoning)

    def deliver(self, pace: Pace) -> Delivery:
        """Start the delivery of an answer with status 200."""
        self.record.status = 200
        self.headers += self.format.timing_headers(pace.first_s * 1000)
        return Delivery(self.exchange, pace, self.fault, self.headers)


Endpoint = Callable[[Turn], Awaitable[Outcome]]
