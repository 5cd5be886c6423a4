"""Ledger lines as columns: what a replay needs of an attempt, some hundred bytes each. Pure; filled by `reading`.

Texts that repeat (project, model, status …) are a line's profile, kept once; a line holds its number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costs.savings.units import Flags, Ints

TOKENS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "audio_input_tokens",
    "output_tokens", "reasoning_tokens", "audio_output_tokens", "tool_calls",
)  # fmt: skip
"""What is priced, by the keys of `costs.pricing.meters`. Rows of `Lines.tokens`, in this order."""
INPUT, CACHE_READ, WRITE_5M, WRITE_1H, AUDIO_IN, OUTPUT, REASONING, AUDIO_OUT, TOOL_CALLS = range(len(TOKENS))
FAILED = frozenset({"client_error", "upstream_error", "timeout", "interrupted"})
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Profile:
    """What lines have in common. Ids are texts, empty for none. `is_plain`: a single request that is billed by tokens
    alone (an imported total, pictures and recordings are not). `context`: what else chose its price: speed, region."""

    project: str = ""
    team: str = ""
    api_key: str = ""
    provider: str = ""
    model: str = ""
    model_requested: str = ""
    endpoint: str = ""
    route: str = ""
    status: str = "ok"
    tier: str = ""
    cache_status: str = ""
    finish: str = ""
    is_final: bool = True
    is_stream: bool = False
    has_end_user: bool = False
    has_tools: bool = False
    is_plain: bool = True
    context: tuple[tuple[str, str], ...] = ()

    @property
    def is_failed(self) -> bool:
        return self.status in FAILED


@dataclass(frozen=True, eq=False)
class Lines:
    """`n` attempts in order of time. All arrays are (n,) int64 but `tokens` (9, n).

    `at` Unix milliseconds of the start, `duration` milliseconds, `request` a hash of the request's id, `asked` of the
    canonical request (0: unknown), `max_tokens` 0 where none was asked for. `cost` in 1e-10, adjustments included.
    `blocks`: 512-token prefixes of the prompt; `seen`: how many of them another call to the same model had within the
    cache's life; `ended`: the longest of these with which an earlier prompt ended (`costs.savings.prefixes`).
    """

    profiles: tuple[Profile, ...]
    profile: Ints
    at: Ints
    duration: Ints
    request: Ints
    asked: Ints
    max_tokens: Ints
    tokens: Ints
    cost: Ints
    blocks: Ints
    seen: Ints
    ended: Ints

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def day(self) -> Ints:
        """Days since the epoch, UTC."""
        return self.at // DAY_MS

    def where(self, test: Callable[[Profile], bool]) -> Flags:
        """Which lines have a profile that passes `test`."""
        passes = np.fromiter((test(one) for one in self.profiles), dtype=bool, count=len(self.profiles))
        return np.asarray(passes[self.profile])

    def codes(self, key: Callable[[Profile], Any]) -> tuple[list[Any], Ints]:
        """Distinct keys of profiles, and which of them each line has."""
        known: dict[Any, int] = {}
        numbers = [known.setdefault(key(one), len(known)) for one in self.profiles]
        return list(known), np.asarray(numbers, dtype=np.int64)[self.profile]

    def groups(self, key: Callable[[Profile], Any], among: Flags | None = None) -> list[tuple[Any, Ints]]:
        """Rows by key, each in order of time, for the lines that `among` marks (None: all); keys in order of
        appearance in the profiles. Keys without rows are left out."""
        names, codes = self.codes(key)
        rows = np.arange(len(self), dtype=np.int64) if among is None else np.flatnonzero(among)
        order = np.argsort(codes[rows], kind="stable")
        edges = np.searchsorted(codes[rows][order], np.arange(len(names) + 1))
        return [
            (name, rows[order[first:last]])
            for name, first, last in zip(names, edges, edges[1:], strict=False)
            if last > first
        ]


@dataclass(slots=True)
class Builder:
    """Collects lines chunk by chunk."""

    profiles: dict[Profile, int] = field(default_factory=dict)
    _parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)

    def number(self, profile: Profile) -> int:
        return self.profiles.setdefault(profile, len(self.profiles))

    def add(self, **columns: Sequence[int] | NDArray[Any]) -> None:
        """A chunk: every name of `Lines` but `profiles`, of one length; `tokens` as (9, n)."""
        for name, values in columns.items():
            self._parts.setdefault(name, []).append(np.asarray(values, dtype=np.int64))

    def lines(self) -> Lines:
        if not self._parts:
            none = np.zeros(0, dtype=np.int64)
            names = ("profile", "at", "duration", "request", "asked", "max_tokens", "cost", "blocks", "seen", "ended")
            return Lines((), tokens=np.zeros((len(TOKENS), 0), dtype=np.int64), **dict.fromkeys(names, none))
        # each column's pieces are given up as it is joined, so that memory holds one column twice, not all
        columns = {name: np.concatenate(self._parts.pop(name), axis=-1) for name in list(self._parts)}
        return Lines(tuple(self.profiles), **columns)
