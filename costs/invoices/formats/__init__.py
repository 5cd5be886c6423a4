"""Formats of exports, one module each. `read_document` finds out which one it is, or takes the one that is stated."""

from collections.abc import Mapping
from datetime import datetime
from types import ModuleType
from typing import BinaryIO, cast

from costs.invoices.formats import anthropic, aws, azure, focus, openai, reading, table
from costs.invoices.formats.reading import BadFileError, Document
from gateway.imports.records import Rejection, UnreadableFileError

__all__ = ["AUTO", "FORMATS", "BadFileError", "Document", "read_document"]

AUTO = "auto"
KNOWN: tuple[ModuleType, ...] = (openai, anthropic, focus, aws, azure)
"""In the order in which they are tried."""
BY_NAME = {module.NAME: module for module in KNOWN}
FORMATS = (*BY_NAME, table.NAME)


def read_document(
    file: BinaryIO, now: datetime, *, format: str = AUTO, mapping: Mapping[str, str] | None = None
) -> Document:
    """The whole export, or nothing of it. Raises `UnreadableFileError`, and `BadFileError` with the lines at fault."""
    given = dict(mapping or {})
    file = reading.plain(file)
    chosen = detect(file) if format == AUTO else format
    if chosen not in FORMATS:
        raise UnreadableFileError(f"there is no format {chosen!r}; there are {', '.join(FORMATS)}")
    file.seek(0)
    if chosen == table.NAME:
        table.check(given)
        return reading.collect(Document(chosen), reading.records(file), table.reader(given), now)
    if given:
        raise UnreadableFileError(f"{chosen} takes no mapping; state the format table to use one")
    module = BY_NAME[chosen]
    return reading.collect(
        Document(chosen), reading.records(file, module.ENVELOPE), cast("reading.Reader", module.read), now
    )


def detect(file: BinaryIO) -> str:
    """By the columns of the first record that can be read; `table` when no vendor's format has them."""
    for row in reading.records(file, "data"):
        if isinstance(row, Rejection):
            raise UnreadableFileError(f"line {row.line}: {row.reason}")
        columns = frozenset(row.values)
        for module in KNOWN:
            if module.detect(columns):
                return str(module.NAME)
        return table.NAME
    raise UnreadableFileError("the file has no records")
