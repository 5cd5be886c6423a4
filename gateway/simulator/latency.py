"""When the bytes of an answer leave: time to first token and output rate. Draws numbers, never sleeps."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.simulator.catalog import SimModel
from gateway.simulator.options import SimulatorOptions

TTFT_SIGMA = 0.35
RATE_SIGMA = 0.20
GAP_SIGMA = 0.40
PREFILL_TOKENS_PER_S = 20_000
_PACED = re.compile(r"^(?:sim-paced-)?(\d{1,6})x(\d{1,6})$")


@dataclass(slots=True)
class Pace:
    """Schedule of one answer, in seconds: the first token after `first_s`, then `gap_s` apart on average.

    `sigma` > 0 draws each gap from a lognormal with mean `gap_s`. `stamped` asks for `sim_sent_at` in each chunk.
    """

    first_s: float = 0.0
    gap_s: float = 0.0
    sigma: float = 0.0
    stamped: bool = False
    rng: random.Random = field(default_factory=random.Random)

    def gaps(self) -> Iterator[float]:
        """Endless seconds between one token and the next."""
        if not self.sigma:
            while True:
                yield self.gap_s
        factor = self.gap_s * 2.718281828459045 ** (-self.sigma * self.sigma / 2)  # keeps the mean at gap_s
        draw = self.rng.lognormvariate
        while True:
            yield factor * draw(0.0, self.sigma)

    def total_s(self, tokens: int) -> float:
        """Seconds until an answer of `tokens` tokens is complete (the schedule's mean)."""
        return self.first_s + self.gap_s * max(0, tokens - 1)


def draw_pace(
    model: SimModel, options: SimulatorOptions, rng: random.Random, *, fresh_tokens: int, reasoning_tokens: int
) -> Pace:
    """Pace of one answer of `model`.

    `fresh_tokens` is the uncached part of the prompt: with the catalogue's own latency it adds
    `fresh_tokens / 20,000` seconds of prefill. Reasoning tokens are produced before the first visible one.
    """
    median_ms = model.ttft_ms if options.latency_ms is None else options.latency_ms
    first_s = median_ms / 1000 * rng.lognormvariate(0.0, TTFT_SIGMA)
    if options.latency_ms is None:
        first_s += fresh_tokens / PREFILL_TOKENS_PER_S
    rate = model.tokens_per_s if options.tokens_per_s is None else options.tokens_per_s
    gap_s = 1 / (rate * rng.lognormvariate(0.0, RATE_SIGMA)) if rate else 0.0
    return Pace(first_s + gap_s * reasoning_tokens, gap_s, GAP_SIGMA if gap_s else 0.0, rng=rng)


def parse_paced(text: str) -> tuple[int, Pace] | None:
    """`"sim-paced-50x5"` or `"50x5"` → 50 chunks and a pace of 5 ms, first chunk at once; else `None`."""
    match = _PACED.match(text)
    if not match:
        return None
    return int(match[1]), Pace(gap_s=int(match[2]) / 1000, stamped=True)
