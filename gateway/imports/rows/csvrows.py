"""CSV with a header line (RFC 4180: double quotes, line breaks inside quotes), separated by comma, semicolon or tab."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from gateway.imports.records import BadValueError, Rejection, UnreadableFileError, decode, readable
from gateway.imports.rows.lines import MAX_RECORD_BYTES, RawLine, read_lines
from gateway.imports.rows.row import Row

MAX_RECORD_LINES = 200
SEPARATORS = ",;\t"
csv.field_size_limit(MAX_RECORD_BYTES)


@dataclass(slots=True)
class Table:
    """A file whose header is read when this is built. Raises `UnreadableFileError` when there is none."""

    file: BinaryIO
    names: list[str] = field(init=False)
    _records: Iterator[RawLine] = field(init=False)
    _separator: str = field(init=False, default=",")

    def __post_init__(self) -> None:
        self._records = _joined(read_lines(self.file, MAX_RECORD_BYTES))
        header = next(self._records, None)
        if header is None:
            raise UnreadableFileError("the file is empty; the first line must name the columns")
        try:
            text = decode(header.data)
            self._separator = max(SEPARATORS, key=text.count)
            self.names = [name.strip() for name in self._cells(header)]
        except BadValueError as error:
            raise UnreadableFileError(f"line 1: {error}") from error
        if len(set(self.names)) != len(self.names):
            raise UnreadableFileError("line 1: a column is named twice")

    def rows(self) -> Iterator[Row | Rejection]:
        """Empty lines are no records."""
        for raw in self._records:
            if not raw.data.strip():
                continue
            try:
                cells = self._cells(raw)
                if len(cells) != len(self.names):
                    raise BadValueError(f"{len(cells)} columns instead of {len(self.names)}")
                yield Row(raw.number, decode(raw.data), dict(zip(self.names, cells, strict=True)))
            except BadValueError as error:
                yield Rejection(raw.number, str(error), readable(raw.data))

    def _cells(self, raw: RawLine) -> list[str]:
        if raw.is_cut:
            raise BadValueError("longer than 16 MiB")
        lines = decode(raw.data).splitlines(keepends=True)
        try:
            return next(csv.reader(lines, strict=True, delimiter=self._separator), [])
        except csv.Error as error:
            raise BadValueError(f"not CSV: {error}") from None


def _joined(lines: Iterator[RawLine]) -> Iterator[RawLine]:
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
