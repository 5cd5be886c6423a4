"""The formats that can be imported, one module each. A new one is a module and a line in `FORMATS`.

`read(file, mapping, now)` yields an item for every record in the file's order, never drops one, numbers them ascending,
and raises `UnreadableFileError` when the file or the mapping as a whole makes no sense.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import BinaryIO, Protocol

from gateway.imports.formats import azure_trace, csv_table, helicone, jsonl, langfuse, litellm, openai
from gateway.imports.records import Item


class Format(Protocol):
    """A module of this package. `IS_KEYED`: its records have ids of their own, unique in the whole system they come
    from, so that the same record in two files is one line."""

    IS_KEYED: bool

    def read(self, file: BinaryIO, mapping: Mapping[str, str], now: datetime) -> Iterator[Item]: ...


FORMATS: dict[str, Format] = {
    "azure-trace": azure_trace,
    "csv": csv_table,
    "helicone": helicone,
    "jsonl": jsonl,
    "langfuse": langfuse,
    "litellm": litellm,
    "openai": openai,
}
