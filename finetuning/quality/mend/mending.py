"""Inspects a file, repairs or leaves out what was found, writes the new version and inspects that."""

from __future__ import annotations

import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from .. import reading
from ..findings import Finding, Report
from ..inspecting import inspect
from ..options import Options
from . import repairs

LEFT_OUT = frozenset(
    {
        "no_assistant", "empty_assistant", "missing_content", "no_weight_left", "same_preference", "truncated_answer",
        "boilerplate_refusal", "echo", "exact_dup", "near_dup", "label_conflict", "leak_exact", "leak_near",
    }
)  # fmt: skip
"""Kinds whose line is left out. Of a leak it is the training line."""
REPEATS = frozenset({"exact_dup", "near_dup"})
"""Kinds whose line is left out because another stays; where that goes too, the first of them stays in its place."""
REPAIRED = frozenset({"invalid_json", *repairs.REPAIRS})
"""Kinds whose line is repaired, and left out when that fails. All other kinds stay for a person to judge."""
ALL = 1 << 40
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a line. ``line``: in the old file; ``new_line``: in the new one, None when it was left out.
    ``kinds``: why; ``done``: in words."""

    line: int
    new_line: int | None
    action: Literal["changed", "removed"]
    kinds: tuple[str, ...]
    done: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mended:
    """``before`` and ``after``: reports of both files (tokens, money, score). ``left``: kinds that stay, with their
    numbers in the new file. ``changes``: in order of lines; every other line was copied byte by byte."""

    before: Report
    after: Report
    changes: tuple[Change, ...]
    left: dict[str, int]


def mend(
    path: str | Path, output: str | Path, *, validation: str | Path | None = None, options: Options | None = None,
    kinds: frozenset[str] = LEFT_OUT | REPAIRED,
) -> Mended:  # fmt: skip
    """Write a mended version of ``path`` to ``output`` and say what was done.

    ``kinds``: what may be mended. What a repair brings to light (a line that can be read now has no answer, two are the
    same without the names in them) is mended in a further round. The new file appears whole or not at all. Raises
    ``FileExistsError`` when ``output`` exists, ``OSError`` when a file cannot be read or written.
    """
    options, path, output = options or Options(), Path(path), Path(output)
    if output.exists():
        raise FileExistsError(f"{output} exists; a version is never written over another.")
    every = replace(options, findings_per_kind=ALL)
    before = inspect(path, validation=validation, options=every)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        changes = _Changes()
        current, found = path, before
        for number in range(ROUNDS):
            made = Path(folder) / f"round-{number}"
            changes.follow(_mended_copy(current, made, _wanted(found, kinds)))
            current, found = made, inspect(made, validation=validation, options=every)
            if not changes.is_going_on or not _wanted(found, kinds):
                break
        os.link(current, output)
    after = replace(found, path=str(output), findings=_few(found.findings, options.findings_per_kind))
    before = replace(before, findings=_few(before.findings, options.findings_per_kind))
    return Mended(before, after, changes.told(), after.counts)


@dataclass(slots=True)
class _Round:
    """``origins``: for each line of the copy, the line it was. ``kinds`` and ``done`` by the line it was."""

    origins: list[int] = field(default_factory=list)
    kinds: dict[int, tuple[str, ...]] = field(default_factory=dict)
    done: dict[int, tuple[str, ...]] = field(default_factory=dict)
    is_same: bool = True


class _Changes:
    """What several rounds did, by the lines of the first file."""

    def __init__(self) -> None:
        self.is_going_on = True
        self._origins: list[int] | None = None
        self._kinds: dict[int, tuple[str, ...]] = {}
        self._done: dict[int, tuple[str, ...]] = {}

    def follow(self, made: _Round) -> None:
        earlier = self._origins
        for number, kinds in made.kinds.items():
            if earlier is not None and made.is_same:
                break
            line = number if earlier is None else earlier[number - 1]
            self._kinds[line] = (*self._kinds.get(line, ()), *kinds)
            self._done[line] = (*self._done.get(line, ()), *made.done[number])
        self._origins = made.origins if earlier is None else [earlier[number - 1] for number in made.origins]
        self.is_going_on = not made.is_same

    def told(self) -> tuple[Change, ...]:
        """In order of the first file's lines."""
        places = {line: place for place, line in enumerate(self._origins or (), start=1)}
        return tuple(
            Change(
                line, places.get(line), "changed" if line in places else "removed", tuple(dict.fromkeys(kinds)),
                tuple(dict.fromkeys(self._done[line])),
            )
            for line, kinds in sorted(self._kinds.items())
        )  # fmt: skip


def _few(findings: Iterable[Finding], limit: int) -> tuple[Finding, ...]:
    """At most so many of each kind."""
    told: Counter[str] = Counter()
    kept = []
    for finding in findings:
        told[finding.kind] += 1
        if told[finding.kind] <= limit:
            kept.append(finding)
    return tuple(kept)


def _wanted(report: Report, kinds: frozenset[str]) -> dict[int, tuple[str, ...]]:
    """Kinds to mend by line of the training file."""
    by_line: dict[int, list[str]] = defaultdict(list)
    wanted = [finding for finding in report.findings if finding.kind in kinds and finding.severity != "info"]
    gone = {
        line
        for finding in wanted
        if finding.kind in LEFT_OUT - REPEATS
        for line in (finding.related if finding.file == "validation" else (finding.line,))
    }
    instead: dict[tuple[int, ...], int] = {}
    for finding in wanted:
        is_bereft = finding.kind in REPEATS and finding.line not in gone and gone.issuperset(finding.related)
        if is_bereft and instead.setdefault(finding.related, finding.line) == finding.line:
            continue
        for line in finding.related if finding.file == "validation" else (finding.line,):
            if finding.kind not in by_line[line]:
                by_line[line].append(finding.kind)
    return {line: tuple(found) for line, found in by_line.items()}


def _mended_copy(path: Path, copy: Path, wanted: dict[int, tuple[str, ...]]) -> _Round:
    made = _Round()
    with copy.open("wb") as file:
        for line in reading.lines(path):
            kinds = wanted.get(line.number)
            raw, done = (line.raw, ()) if kinds is None else _mended(line.raw, kinds)
            if raw is not None:
                made.origins.append(line.number)
                file.write(raw + b"\n")
            if kinds:
                made.kinds[line.number], made.done[line.number] = kinds, done
                made.is_same = made.is_same and raw == line.raw
        file.flush()
        os.fsync(file.fileno())
    return made


def _mended(raw: bytes, kinds: tuple[str, ...]) -> tuple[bytes | None, tuple[str, ...]]:
    """The new line, None to leave it out, and what was done."""
    if reason := next((kind for kind in kinds if kind in LEFT_OUT), None):
        return None, (f"left out: {reason}",)
    done: list[str] = []
    record: Any
    if "invalid_json" in kinds:
        found = repairs.json_of(raw)
        if found is None:
            return None, ("left out: the JSON cannot be repaired",)
        record = found[0]
        done.append(found[1])
        if not isinstance(record.get("messages"), list):
            kinds = (*kinds, "missing_messages")
    else:
        record = orjson.loads(raw)
    for kind in repairs.REPAIRS:
        if kind in kinds:
            told = repairs.REPAIRS[kind](record)
            if told is None:
                return None, (f"left out: {kind} cannot be repaired",)
            if told and told not in done:
                done.append(told)
    return orjson.dumps(record), tuple(done)
