"""How long answers are, learned from those that were: what a call reserves that does not say how long its answer may
be. Pure; one process's own memory.
"""

from collections.abc import Hashable

SHARE = 0.95
ENOUGH = 20
"""Answers after which what was learned counts."""
REMEMBERED = 512
"""At so many answers everything counts half from then on, so that the latest ones matter most."""
MAX_KEPT = 2_000
EVERY = 8
SUBBUCKETS = 8
"""Parts of each power of two: a quantile is at most an eighth too long."""


class Lengths:
    """The lengths of one model's answers, in buckets that grow with them (as in HdrHistogram)."""

    __slots__ = ("_counts", "_fresh", "_long", "_total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._total = 0
        self._fresh = 0
        self._long: int | None = None

    def add(self, tokens: int) -> None:
        bucket = bucket_of(tokens)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._total += 1
        self._fresh += 1
        if self._total >= REMEMBERED:
            self._counts = {place: half for place, count in self._counts.items() if (half := count // 2)}
            self._total = sum(self._counts.values())
        if self._total >= ENOUGH and (self._long is None or self._fresh >= EVERY):
            self._fresh, self._long = 0, self._quantile()

    @property
    def long(self) -> int | None:
        """What 95 of 100 answers do not exceed; None before there were enough of them."""
        return self._long

    def _quantile(self) -> int:
        """Nearest rank, as the longest of its bucket."""
        left = self._total * SHARE
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                return longest_in(bucket)
        return 0


def bucket_of(tokens: int) -> int:
    """Below 16 each number has its own."""
    shift = max(0, tokens.bit_length() - SUBBUCKETS.bit_length())
    return shift * SUBBUCKETS + (tokens >> shift)


def longest_in(bucket: int) -> int:
    """The largest number whose `bucket_of` it is."""
    shift = max(0, bucket // SUBBUCKETS - 1)
    return ((bucket - shift * SUBBUCKETS + 1) << shift) - 1


class LearnedLengths:
    """By what a call asks for; the ones first heard of are forgotten first."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Lengths] = {}

    def add(self, about: Hashable, tokens: int) -> None:
        found = self._found.get(about)
        if found is None:
            if len(self._found) >= MAX_KEPT:
                del self._found[next(iter(self._found))]
            found = self._found[about] = Lengths()
        found.add(tokens)

    def long(self, about: Hashable) -> int | None:
        found = self._found.get(about)
        return found.long if found is not None else None
