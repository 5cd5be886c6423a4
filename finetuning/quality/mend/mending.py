"""Inspects a file, repairs or leaves out what was found, writes the new version and inspects that."""

from __future__ import annotations

import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

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

    ``kinds``: what may be mended. The new file appears whole or not at all. Raises ``FileExistsError`` when ``output``
    exists, ``OSError`` when a file cannot be read or written.
    """
    options, path, output = options or Options(), Path(path), Path(output)
    if output.exists():
        raise FileExistsError(f"{output} exists; a version is never written over another.")
    found = inspect(path, validation=validation, options=replace(options, findings_per_kind=ALL))
    wanted = _wanted(found, kinds)
    changes: list[Change] = []
    _write(output, lambda file: _copy(path, file, wanted, changes))
    after = inspect(output, validation=validation, options=options)
    before = replace(found, findings=_few(found.findings, options.findings_per_kind))
    return Mended(before, after, tuple(changes), after.counts)


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


def _write(output: Path, fill: Callable[[IO[bytes]], None]) -> None:
    """Through a file beside it, so that a killed process leaves no half of a version."""
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, output)
    finally:
        os.unlink(name)


def _copy(path: Path, file: IO[bytes], wanted: dict[int, tuple[str, ...]], changes: list[Change]) -> None:
    written = 0
    for line in reading.lines(path):
        kinds = wanted.get(line.number)
        raw, done = (line.raw, ()) if kinds is None else _mended(line.raw, kinds)
        if raw is not None:
            written += 1
            file.write(raw + b"\n")
        if kinds:
            action: Literal["changed", "removed"] = "removed" if raw is None else "changed"
            changes.append(Change(line.number, None if raw is None else written, action, kinds, done))


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
