"""What a vendor's prompt cache would have held: a replay of prefix hashes in order of time. Pure.

A prompt's prefixes are hashed every 2,048 bytes, about 512 tokens (`gateway.dataplane.call.fingerprints`). A hash
covers all before it, so a prefix that is known has known prefixes: the longest is found by bisection. Each use renews
an entry's life, as vendors do (https://platform.claude.com/docs/en/build-with-claude/prompt-caching: 5 minutes,
refreshed at no cost; https://developers.openai.com/api/docs/guides/prompt-caching: 5 to 10 minutes of inactivity).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

BLOCK_TOKENS = 512
HASH_BYTES = 8
TTL_MS = 300_000
_SPREAD = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


@dataclass(slots=True)
class PrefixReplay:
    """An endless cache whose entries live `ttl_ms` after their last use; None: for ever. Memory: what is alive."""

    ttl_ms: int | None = TTL_MS
    _last: dict[int, int] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)
    _swept: int = 0

    def take(self, scope: int, hashes: bytes, at: int) -> tuple[int, int, int]:
        """A prompt sent at `at` (never before the one before it) to the cache `scope`: `(blocks, seen, ended)`, see
        `costs.savings.lines.Lines`. Remembers it."""
        count = len(hashes) // HASH_BYTES
        if not count:
            return 0, 0, 0
        mixed = (scope * _SPREAD) & _MASK
        keys = [key ^ mixed for key in np.frombuffer(hashes, dtype=">u8", count=count).tolist()]
        oldest = at - self.ttl_ms if self.ttl_ms is not None else -(1 << 62)
        seen = self._longest(keys, oldest)
        ended = next((n for n in range(seen, 0, -1) if self._ends.get(keys[n - 1], oldest - 1) >= oldest), 0)
        self._last.update(dict.fromkeys(keys, at))
        self._ends[keys[-1]] = at
        if ended:
            self._ends[keys[ended - 1]] = at
        self._sweep(at)
        return count, seen, ended

    def _longest(self, keys: list[int], oldest: int) -> int:
        low, high = 0, len(keys)
        while low < high:
            middle = (low + high + 1) // 2
            if self._last.get(keys[middle - 1], oldest - 1) >= oldest:
                low = middle
            else:
                high = middle - 1
        return low

    def _sweep(self, at: int) -> None:
        if self.ttl_ms is None or at - self._swept < self.ttl_ms:
            return
        self._swept = at
        oldest = at - self.ttl_ms
        self._last = _alive(self._last.items(), oldest)
        self._ends = _alive(self._ends.items(), oldest)


def _alive(entries: Iterable[tuple[int, int]], oldest: int) -> dict[int, int]:
    return {key: at for key, at in entries if at >= oldest}
