"""Calls that run now, by key, and what the process takes of its machine. For the heartbeat; never waits or raises."""

import time
from typing import Any

import psutil

MAX_REPORTED = 1_000
SAMPLE_S = 0.5


class Running:
    """Counts calls between `enter` and `leave`. Used on the event loop, read by the keeper's thread."""

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}

    def enter(self, key: str) -> None:
        self._calls[key] = self._calls.get(key, 0) + 1

    def leave(self, key: str) -> None:
        left = self._calls[key] - 1
        if left:
            self._calls[key] = left
        else:
            del self._calls[key]

    def report(self) -> dict[str, Any]:
        """Keys with most calls first; `active_unnamed` counts the calls of those beyond the cap."""
        calls = sorted(self._calls.copy().items(), key=lambda item: -item[1])
        named, rest = calls[:MAX_REPORTED], calls[MAX_REPORTED:]
        return {"active_keys": dict(named), "active_unnamed": sum(count for _, count in rest)}


class Resources:
    """Processor and memory of this process, network of its host in bits per second since the sample before."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._at = 0.0
        self._network: tuple[int, int] | None = None
        self._last: dict[str, Any] = {}

    def report(self) -> dict[str, Any]:
        """`{"resources": …}`, sampled at most every half second; nothing where the system does not tell."""
        now = time.monotonic()
        if now - self._at >= SAMPLE_S:
            try:
                self._last = self._sample(now)
            except (psutil.Error, OSError):
                self._last = {}
        return {"resources": self._last}

    def _sample(self, now: float) -> dict[str, Any]:
        elapsed, self._at = now - self._at, now
        counters = psutil.net_io_counters()
        network = (counters.bytes_recv, counters.bytes_sent) if counters else None
        before, self._network = self._network, network
        found: dict[str, Any] = {
            "cpu_percent": self._process.cpu_percent(None), "rss_bytes": self._process.memory_info().rss,
            "network_in_bps": None, "network_out_bps": None,
        }  # fmt: skip
        if before is not None and network is not None:
            found["network_in_bps"] = round(8 * (network[0] - before[0]) / elapsed, 1)
            found["network_out_bps"] = round(8 * (network[1] - before[1]) / elapsed, 1)
        return found
