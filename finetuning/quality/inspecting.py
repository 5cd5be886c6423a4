"""Reads a file through every check and makes the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetuning.estimates.formulas import default_epochs
from finetuning.tokens import Counter

from . import examples, floors, reading, score
from .checks import CHECKS, Context
from .checks.conflicts import find_conflicts
from .checks.duplicates import find_exact, find_near
from .checks.leakage import find_leaks
from .checks.makeup import Makeup
from .comparing import Index
from .findings import Findings, Report, Tokens, amount
from .kinds import KINDS
from .labels import Labels
from .options import Options
from .profile import Profile, profile


@dataclass(slots=True)
class _Sums:
    """Of all examples, one epoch."""

    examples: int = 0
    total: int = 0
    capped: int = 0
    answers: int = 0
    exact: bool = True


def inspect(path: str | Path, *, validation: str | Path | None = None, options: Options | None = None) -> Report:
    """What is wrong with a training file, line by line and as a whole.

    ``validation``: the file that is kept for measuring; it is inspected too, and its lines that are trained on are
    findings ``leak_exact`` and ``leak_near`` of ``Report.findings`` with ``file == "validation"``. Nothing is written.
    Raises ``OSError`` when a file cannot be read; no content makes it raise.
    """
    options, path = options or Options(), Path(path)
    known = profile(path, options.method)
    reader = _Reader(path, options, known, "train")
    other = None
    if validation is not None:
        checked = _Reader(Path(validation), options, known, "validation")
        find_leaks(reader.found, reader.index, checked.index)
        other = checked.report(None)
    return reader.report(other)


class _Reader:
    """One file, read through the checks of single lines, then compared within itself."""

    def __init__(self, path: Path, options: Options, known: Profile, file: str) -> None:
        self.path, self.options = path, options
        self.found = Findings(options.findings_per_kind, file, options.max_tokens)
        self.context = Context(path, options, known, self.found)
        self.index = Index(self.context)
        self.makeup = Makeup(self.context)
        self.counter = Counter(options.model)
        self.sums, self.lines, self.is_train = _Sums(), 0, file == "train"
        self._read()
        self._compare()

    def _read(self) -> None:
        checks = [check(self.context) for check in CHECKS]
        for line in reading.lines(self.path):
            example = examples.read(line)
            self.lines += 1
            self._count(example)
            for check in checks:
                check.look(example)
            self.makeup.look(example)
            self.index.add(example)
        for check in checks:
            check.finish()

    def _count(self, example: examples.Example) -> None:
        if example.record is None:
            return
        counted = self.counter.count(example.record)
        example.tokens = counted.tokens
        self.sums.examples += 1
        self.sums.total += counted.tokens
        self.sums.capped += min(counted.tokens, self.options.max_tokens)
        self.sums.answers += counted.answer_tokens
        self.sums.exact = self.sums.exact and counted.exact

    def _compare(self) -> None:
        repeats = find_exact(self.context, self.index)
        find_near(self.context, self.index, repeats)
        self.labels = Labels(self.context, self.index)
        find_conflicts(self.context, self.index, self.labels)
        if self.is_train:
            self.labels.find_noise()

    def _statistics(self) -> dict[str, Any]:
        found = self.labels
        floor = floors.told(self.index, len(self.index), found.noisy, found.judged, found.classes)
        return {**self.makeup.statistics(), "label_floor": floor}

    def report(self, validation: Report | None) -> Report:
        epochs = self.options.epochs or default_epochs(max(1, self.sums.examples))
        billable = epochs * self.sums.capped
        price = self.options.price_per_million
        own = score.parts(self.found, self.lines)
        return Report(
            path=str(self.path), method=self.context.profile.method, model=self.options.model, lines=self.lines,
            examples=self.sums.examples, flagged=self.found.flagged(),
            tokens=Tokens(
                self.sums.total, billable, self.sums.answers, self.sums.exact, self.counter.method, epochs,
                sum(self.found.wasted.values()) * epochs,
            ),
            findings=self.found.priced(epochs, price),
            counts={kind: self.found.counts[kind] for kind in KINDS if self.found.counts[kind]},
            score=score.score(own), parts=own, observations=tuple(self.makeup.observations()),
            statistics=self._statistics(), skipped=dict(self.found.skipped),
            amount=amount(billable, price), validation=validation,
        )  # fmt: skip
