"""Rate limits per API key: two token buckets (requests, tokens) that refill evenly over a minute.

A key may carry its own limits in its text, `sk-…-rpm-<n>` and `sk-…-tpm-<n>`, so that a test needs no set-up.
"""

import math
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_RPM = re.compile(r"-rpm-(\d+)")
_TPM = re.compile(r"-tpm-(\d+)")


@dataclass(slots=True)
class _Bucket:
    limit: int
    level: float
    at: float

    def refill(self, now: float) -> None:
        """Add what a minute's even refill has brought since the last look."""
        self.level = min(self.limit, self.level + (now - self.at) * self.limit / 60)
        self.at = now

    def wait_s(self, amount: float) -> float:
        """Seconds until `amount` is there; 0 when it is."""
        return max(0.0, (min(amount, self.limit) - self.level) * 60 / self.limit)


@dataclass(frozen=True, slots=True)
class Level:
    """How full one bucket is: `name` is "requests" or "tokens", `reset_s` the seconds until it is full."""

    name: str
    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of one request: `refused_by` is "requests", "tokens" or `None`; `retry_after_s` is 0 if admitted."""

    refused_by: str | None
    limit: int
    retry_after_s: float
    levels: tuple[Level, ...]


class RateLimiter:
    """Limits of every key seen; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str, int], _Bucket] = {}

    def admit(self, key: str, tokens: int, *, rpm: int, tpm: int) -> Verdict:
        """Take one request and `tokens` tokens from the buckets of `key`, both or none.

        `rpm` and `tpm` are the defaults for keys that do not carry their own; 0 means no limit.
        """
        now = self._clock()
        wanted = [("requests", _own_limit(_RPM, key, rpm), 1), ("tokens", _own_limit(_TPM, key, tpm), tokens)]
        buckets = [(name, self._bucket(key, name, limit, now), amount) for name, limit, amount in wanted if limit]
        refused = next(((name, bucket, amount) for name, bucket, amount in buckets if bucket.wait_s(amount) > 0), None)
        if refused is None:
            for _, bucket, amount in buckets:
                bucket.level -= amount
        levels = tuple(_level(name, bucket) for name, bucket, _ in buckets)
        if refused is None:
            return Verdict(None, 0, 0.0, levels)
        name, bucket, amount = refused
        return Verdict(name, bucket.limit, bucket.wait_s(amount), levels)

    def clear(self) -> None:
        """Fill every bucket."""
        self._buckets.clear()

    def _bucket(self, key: str, name: str, limit: int, now: float) -> _Bucket:
        bucket = self._buckets.setdefault((key, name, limit), _Bucket(limit, limit, now))
        bucket.refill(now)
        return bucket


def _own_limit(pattern: re.Pattern[str], key: str, default: int) -> int:
    match = pattern.search(key)
    return int(match[1]) if match else default


def _level(name: str, bucket: _Bucket) -> Level:
    return Level(name, bucket.limit, max(0, math.floor(bucket.level)), bucket.wait_s(bucket.limit))


def openai_headers(levels: Iterable[Level]) -> list[tuple[bytes, bytes]]:
    """The `x-ratelimit-*` headers (https://platform.openai.com/docs/guides/rate-limits)."""
    headers = []
    for level in levels:
        kind = level.name.encode()
        headers += [
            (b"x-ratelimit-limit-" + kind, b"%d" % level.limit),
            (b"x-ratelimit-remaining-" + kind, b"%d" % level.remaining),
            (b"x-ratelimit-reset-" + kind, format_reset(level.reset_s).encode()),
        ]
    return headers


def format_reset(seconds: float) -> str:
    """Duration as OpenAI writes it: `0s`, `250ms`, `6.2s`, `1m30s`."""
    if seconds >= 60:
        return f"{int(seconds // 60)}m{int(seconds % 60)}s"
    if 0 < seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    return f"{round(seconds, 2):g}s"
