"""Any CSV with a header line (RFC 4180: commas, double quotes, line breaks inside quotes)."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from gateway.imports.fields import Plan, plan
from gateway.imports.lines import RawLine
from gateway.imports.records import BadValueError, Item, Rejection, UnreadableFileError, UsageRecord, decode, readable

MAX_RECORD_LINES = 200


def read(lines: Iterable[RawLine], mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """Columns by name, as `fields.plan` finds them. Empty lines are no records."""
    records = _records(iter(lines))
    header = next(records, None)
    if header is None:
        raise UnreadableFileError("the file is empty; the first line must name the columns")
    names = _header(header)
    known = frozenset(names)
    chosen = plan(mapping, known.__contains__, names)
    for raw in records:
        if not raw.data.strip():
            continue
        try:
            yield _record(raw, names, chosen, now)
        except BadValueError as error:
            yield Rejection(raw.number, str(error), readable(raw.data))


def _header(raw: RawLine) -> list[str]:
    try:
        names = [name.strip() for name in _cells(raw)]
    except BadValueError as error:
        raise UnreadableFileError(f"line 1: {error}") from error
    if len(set(names)) != len(names):
        raise UnreadableFileError("line 1: a column is named twice")
    return names


def _cells(raw: RawLine) -> list[str]:
    if raw.is_cut:
        raise BadValueError("longer than 1 MiB")
    try:
        return next(csv.reader(decode(raw.data).splitlines(keepends=True), strict=True), [])
    except csv.Error as error:
        raise BadValueError(f"not CSV: {error}") from None


def _record(raw: RawLine, names: list[str], chosen: Plan, now: datetime) -> UsageRecord:
    cells = _cells(raw)
    if len(cells) != len(names):
        raise BadValueError(f"{len(cells)} columns instead of {len(names)}")
    return chosen.record(raw.number, decode(raw.data), dict(zip(names, cells, strict=True)).get, now)


def _records(lines: Iterator[RawLine]) -> Iterator[RawLine]:
    """Join physical lines while a quote is open. One that never closes costs its own line, not the rest of the file."""
    waiting: deque[RawLine] = deque()
    while line := (waiting.popleft() if waiting else next(lines, None)):
        if line.data.count(b'"') % 2 == 0 or line.is_cut:
            yield line
            continue
        joined = [line.data]
        taken: list[RawLine] = []
        while len(taken) < MAX_RECORD_LINES and (more := waiting.popleft() if waiting else next(lines, None)):
            taken.append(more)
            joined.append(more.data)
            if more.data.count(b'"') % 2 == 1:
                yield RawLine(line.number, b"\n".join(joined))
                break
        else:
            waiting.extendleft(reversed(taken))
            yield line
