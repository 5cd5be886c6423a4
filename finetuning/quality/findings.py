"""Findings of an inspection, and the report they make."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from .kinds import KINDS, PARTS, Severity

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """``line``: 1-based, in ``file`` (``train`` or ``validation``). ``path``: the field, such as
    ``messages[1].content``. ``tokens``: what a whole training pays for in vain because of it, all epochs; ``amount``:
    their price in US dollars, None when no price is known. ``related``: lines it was compared with (of the training
    file)."""

    line: int
    kind: str
    severity: Severity
    message: str
    path: str = ""
    tokens: int = 0
    amount: Decimal | None = None
    fix: str = ""
    file: str = "train"
    related: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """Something about the file as a whole. ``code`` is stable; ``severity`` error: vendors refuse the file."""

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """``total``: one epoch, before any limit; ``billable``: all epochs, each example cut at the limit.
    ``exact``: every example was counted exactly. ``wasted``: of all epochs, what findings say is paid for in vain."""

    total: int
    billable: int
    answers: int
    exact: bool
    method: str
    epochs: int
    wasted: int


@dataclass(frozen=True, slots=True)
class Report:
    """``findings``: at most ``Options.findings_per_kind`` of each kind, in order of lines; ``counts``: all of them.
    ``score``: 0 … 100, the product of ``parts``. ``skipped``: checks that could not judge, and why.
    ``validation``: the report of the other file."""

    path: str
    method: str
    model: str
    lines: int
    examples: int
    flagged: int
    tokens: Tokens
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    score: float
    parts: dict[str, float]
    observations: tuple[Observation, ...]
    statistics: dict[str, Any]
    skipped: dict[str, str]
    amount: Decimal | None = None
    validation: Report | None = None

    @property
    def is_valid(self) -> bool:
        """Whether a vendor would take the file: no finding or observation of severity error."""
        refused = any(KINDS[kind].severity == "error" for kind, number in self.counts.items() if number)
        refused = refused or any(observation.severity == "error" for observation in self.observations)
        return not refused and (self.validation is None or self.validation.is_valid)


@dataclass(slots=True)
class Findings:
    """Collects findings of a file: keeps some of each kind, counts all, and remembers which lines and parts they touch.
    Findings with another ``file`` are kept and counted, but touch no line. ``max_tokens``: paid of one example."""

    limit: int
    file: str = "train"
    max_tokens: int | None = None
    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    wasted: dict[int, int] = field(default_factory=dict)
    marks: bytearray = field(default_factory=bytearray)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(
        self, kind: str, line: int, message: str, *, path: str = "", tokens: int = 0, fix: str = "",
        related: tuple[int, ...] = (), severity: Severity | None = None, file: str = "",
    ) -> None:  # fmt: skip
        """``tokens``: wasted in one epoch; a line's waste counts once however many findings it has."""
        known = KINDS[kind]
        self.counts[kind] += 1
        if not file:
            self._mark(line, PARTS.index(known.part), severity or known.severity)
        if self.max_tokens is not None:
            tokens = min(tokens, self.max_tokens)
        if tokens:
            self.wasted[line] = max(tokens, self.wasted.get(line, 0))
        if self.counts[kind] <= self.limit:
            self.kept.append(
                Finding(
                    line, kind, severity or known.severity, message, path, tokens, None, fix or known.fix,
                    file or self.file,
                    related,
                )
            )  # fmt: skip

    def skip(self, check: str, reason: str) -> None:
        self.skipped[check] = reason

    def _mark(self, line: int, part: int, severity: Severity) -> None:
        """A bit for each part of the score; findings to look at lower no score."""
        if line >= len(self.marks):
            self.marks.extend(bytes(max(line + 1 - len(self.marks), len(self.marks))))
        self.marks[line] |= (1 << part) if severity != "info" else 1 << len(PARTS)

    def is_flagged(self, line: int) -> bool:
        return line < len(self.marks) and self.marks[line] != 0

    def touched(self, part: int) -> int:
        """Lines with a finding of that part."""
        return sum(1 for mark in self.marks if mark >> part & 1)

    def flagged(self) -> int:
        return sum(1 for mark in self.marks if mark)

    def priced(self, epochs: int, price_per_million: Decimal | None) -> tuple[Finding, ...]:
        """In order of lines, with what they cost over a whole training."""
        return tuple(
            replace(one, tokens=one.tokens * epochs, amount=amount(one.tokens * epochs, price_per_million))
            for one in sorted(self.kept, key=lambda one: (one.file, one.line))
        )


def amount(tokens: int, price_per_million: Decimal | None) -> Decimal | None:
    """US dollars; None without a price."""
    return None if price_per_million is None else price_per_million * tokens / MILLION
