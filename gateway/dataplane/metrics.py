"""Counters and histograms of one data-plane process, fed by every line it journals. Nothing here waits or raises.

Names and label rules: Prometheus documentation, "Metric and label naming"; buckets of duration, time to first token and
token usage: OpenTelemetry's semantic conventions for generative AI metrics. Labels hold configured names alone, never
what a caller sent, and their combinations are capped.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from gateway.dataplane.errors import ApiError, is_our_fault

DURATION_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
MAX_SERIES = 1_000
MAX_TIMED = 100
"""Combinations with histograms of their own: up to 36 samples each, where a counter is one."""
TOKEN_CLASSES = {
    "input": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
    "audio_input": "audio_input_tokens",
    "audio_output": "audio_output_tokens",
}
ZERO = Decimal(0)
errors: Counter[str] = Counter()
"""Refusals by a fault of the gateway's own, by code. Of the process: some are answered before there is any call."""


def count_error(error: ApiError) -> None:
    """An answer that is not the model's is given."""
    if is_our_fault(error):
        errors[error.code] += 1


class Key(NamedTuple):
    """The labels of a series. `other` stands for what came after the cap."""

    endpoint: str
    provider: str
    model: str
    status: str


OTHER = "other"


class Histogram:
    """Counts by upper bound, the last one for what lies above."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(slots=True)
class Series:
    """What is counted for one combination of labels; `tokens` by class, `costs` by currency."""

    requests: int = 0
    attempts: int = 0
    unpriced: int = 0
    costs: dict[str, Decimal] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)
    duration: Histogram = field(default_factory=lambda: Histogram(DURATION_S))
    first_token: Histogram = field(default_factory=lambda: Histogram(FIRST_TOKEN_S))
    input_tokens: Histogram = field(default_factory=lambda: Histogram(TOKENS))
    output_tokens: Histogram = field(default_factory=lambda: Histogram(TOKENS))

    def add(self, line: Mapping[str, Any]) -> None:
        """One journalled line, but for its times."""
        is_attempt = line["kind"] == "attempt"
        self.requests += line.get("is_final", True)
        self.attempts += is_attempt
        if is_attempt:
            self._count_tokens(line)
        cost = line.get("cost")
        if cost is None:
            self.unpriced += 1
        elif cost != "0":
            currency = line.get("currency", "USD")
            try:
                self.costs[currency] = self.costs.get(currency, ZERO) + Decimal(cost)
            except InvalidOperation:  # a pricer of somebody's own; settling must not fail for it
                self.unpriced += 1

    def time(self, line: Mapping[str, Any]) -> None:
        """How long an attempt took."""
        if (duration := line.get("duration_ms")) is not None:
            self.duration.observe(duration / 1000)
        if (first := line.get("ttft_ms")) is not None:
            self.first_token.observe(first / 1000)

    def _count_tokens(self, line: Mapping[str, Any]) -> None:
        if (tokens := line.get("input_tokens")) is not None:
            self.input_tokens.observe(tokens)
            self.output_tokens.observe(line.get("output_tokens", 0))
            for name, column in TOKEN_CLASSES.items():
                if count := line.get(column):
                    self.tokens[name] += count


@dataclass(slots=True)
class Metrics:
    """Since the process started."""

    series: dict[Key, Series] = field(default_factory=dict)
    denied: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused_total: int = 0
    damaged: Counter[str] = field(default_factory=Counter)
    """Streams ended for an event that is no JSON object, by provider."""
    active: int = 0
    _with_times: set[Key] = field(default_factory=set)

    def settled(self, status: str, line: Mapping[str, Any]) -> None:
        """A line was journalled: an attempt's, a cache hit's or a denial's."""
        if line["kind"] == "denied":
            self.denied[line.get("error_type", "")] += 1
        key = Key(line["endpoint"], line.get("provider", ""), line.get("model_served", ""), status)
        series = self.series.get(key)
        if series is None:
            if len(self.series) >= MAX_SERIES:
                key = Key(line["endpoint"], OTHER, OTHER, status)
            series = self.series.setdefault(key, Series())
        series.add(line)
        if line["kind"] == "attempt":
            self._timed(key, series).time(line)

    def _timed(self, key: Key, series: Series) -> Series:
        """Whose histograms a combination has: its own, or those of all that came after the cap."""
        if key not in self._with_times:
            if len(self._with_times) >= MAX_TIMED:
                return self.series.setdefault(Key(key.endpoint, OTHER, OTHER, key.status), Series())
            self._with_times.add(key)
        return series
