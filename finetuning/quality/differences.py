"""What differs between two versions of a file, line by line. Texts are shown redacted and in part."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import orjson

from . import reading
from .mend.repairs import redacted
from .text import hashed

SHOWN = 50
SHOWN_FIELDS = 10
CHARACTERS = 240
BEFORE = 60
"""So many characters are shown before the first that differs."""


@dataclass(frozen=True, slots=True)
class Field:
    """A value that differs. `path` as in findings; None where the other version has no such value."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class LineChange:
    """`old_line`, `new_line`: 1-based, None where there is none. `fields`: the first that differ, all of a line that
    was added or removed."""

    action: Literal["added", "removed", "changed"]
    old_line: int | None
    new_line: int | None
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """Lines by what became of them; `moved` ones are unchanged but stand elsewhere. `shown`: the first changes."""

    added: int
    removed: int
    changed: int
    moved: int
    unchanged: int
    shown: tuple[LineChange, ...]


def compare(old: Path, new: Path, *, shown: int = SHOWN) -> Differences:
    """Compare two files; memory: 16 bytes a line and the lines that are shown. Raises `OSError`.

    Lines that are equal in both are matched in their order; the longest run of matches that keeps the order stays in
    place (Hunt and Szymanski 1977), others have moved. Between two that stay, what was removed is set against what was
    added, one by one: such a pair is a changed line.
    """
    before, after = _index(old), _index(new)
    matches = _matches([line for line, _ in before], [line for line, _ in after])
    kept = _in_order(matches)
    matched_old, matched_new = {one for one, _ in matches}, {other for _, other in matches}
    counts = {"added": 0, "removed": 0, "changed": 0}
    told: list[LineChange] = []
    with old.open("rb") as old_file, new.open("rb") as new_file:
        for one, other in _changes(len(before), len(after), kept, matched_old, matched_new):
            action = _action(one, other)
            counts[action] += 1
            if len(told) < shown:
                old_raw = None if one is None else reading.line_at(old_file, before[one][1])
                new_raw = None if other is None else reading.line_at(new_file, after[other][1])
                told.append(_told(action, one, other, old_raw, new_raw))
    moved = len(matches) - len(kept)
    return Differences(**counts, moved=moved, unchanged=len(kept), shown=tuple(told))


def _index(path: Path) -> list[tuple[int, int]]:
    """Hash and place of each line."""
    return [(hashed(line.raw.decode("utf-8", "surrogateescape")), line.offset) for line in reading.lines(path)]


def _matches(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int]]:
    """Equal lines, the first with the first and so on, in the order of the old version."""
    places: dict[int, deque[int]] = defaultdict(deque)
    for place, line in enumerate(after):
        places[line].append(place)
    return [(place, places[line].popleft()) for place, line in enumerate(before) if places.get(line)]


def _in_order(matches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run whose places grow in both versions: O(n log n)."""
    ends: list[int] = []  # of the best run of each length, the smallest place it ends at
    ending: list[int] = []  # and which match that is
    previous: list[int] = []
    for number, (_, place) in enumerate(matches):
        length = bisect_left(ends, place)
        previous.append(ending[length - 1] if length else -1)
        if length == len(ends):
            ends.append(place)
            ending.append(number)
        else:
            ends[length], ending[length] = place, number
    kept = []
    number = ending[-1] if ending else -1
    while number >= 0:
        kept.append(matches[number])
        number = previous[number]
    return kept[::-1]


def _changes(
    old_lines: int, new_lines: int, kept: Sequence[tuple[int, int]], matched_old: set[int], matched_new: set[int]
) -> Iterator[tuple[int | None, int | None]]:
    """Pairs of lines without a match, in order; None where one has no counterpart."""
    old_at = new_at = 0
    for old_end, new_end in [*kept, (old_lines, new_lines)]:
        gone = [place for place in range(old_at, old_end) if place not in matched_old]
        come = [place for place in range(new_at, new_end) if place not in matched_new]
        yield from zip_longest(gone, come)
        old_at, new_at = old_end + 1, new_end + 1


def _action(one: int | None, other: int | None) -> Literal["added", "removed", "changed"]:
    if one is None:
        return "added"
    return "removed" if other is None else "changed"


def _told(
    action: Literal["added", "removed", "changed"], one: int | None, other: int | None, old: bytes | None,
    new: bytes | None,
) -> LineChange:  # fmt: skip
    before, after = _values(old), _values(new)
    paths = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    fields = tuple(_field(path, before.get(path), after.get(path)) for path in paths[:SHOWN_FIELDS])
    return LineChange(action, None if one is None else one + 1, None if other is None else other + 1, fields)


def _values(raw: bytes | None) -> dict[str, str]:
    """The values of a line by their paths; a line that is no JSON has one, at ""."""
    if raw is None:
        return {}
    try:
        return dict(_flat(orjson.loads(raw), ""))
    except orjson.JSONDecodeError:
        return {"": raw.decode("utf-8", "replace")}


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{place}]")
    else:
        yield path, value if isinstance(value, str) else orjson.dumps(value).decode()


def _field(path: str, before: str | None, after: str | None) -> Field:
    """Redacted first, so that what is cut off hides nothing from the patterns."""
    one, other = (None if text is None else redacted(text) for text in (before, after))
    start = 0
    if one is not None and other is not None:
        start = max(0, _common(one, other) - BEFORE)
    return Field(path, _part(one, start), _part(other, start))


def _common(one: str, other: str) -> int:
    """Length of what both begin with."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def _part(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    cut = text[start : start + CHARACTERS]
    return ("…" if start else "") + cut + ("…" if start + CHARACTERS < len(text) else "")


def as_dict(found: Differences) -> dict[str, Any]:
    """Plain data for JSON."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(found))
    return plain
