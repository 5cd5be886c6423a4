"""The formats that can be imported, one module each. A new one is a module and a line in `FORMATS`.

`read(lines, mapping, now)` yields an item for every record in the file's order, never drops one, and raises
`UnreadableFileError` when the file or the mapping as a whole makes no sense.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from gateway.imports.formats import azure_trace, csv_table, jsonl
from gateway.imports.lines import RawLine
from gateway.imports.records import Item


class Format(Protocol):
    """A module of this package."""

    def read(self, lines: Iterable[RawLine], mapping: Mapping[str, str], now: datetime) -> Iterator[Item]: ...


FORMATS: dict[str, Format] = {"azure-trace": azure_trace, "csv": csv_table, "jsonl": jsonl}
