"""JSON objects, one a line or in an array. Columns are keys; a dotted path reaches into objects
(`usage.prompt_tokens`)."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

from gateway.imports.fields import Plan, plan
from gateway.imports.records import BadValueError, Item, Rejection, UnreadableFileError
from gateway.imports.rows.jsonrows import rows
from gateway.imports.rows.lines import KEPT_BYTES
from gateway.imports.rows.row import scalar

IS_KEYED = False


def read(file: BinaryIO, mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """The first object that can be read decides which mapped paths exist. Empty lines are no records."""
    chosen: Plan | None = None
    for row in rows(file):
        if isinstance(row, Rejection):
            yield row
            continue
        try:
            if chosen is None:
                chosen = plan(mapping, partial(_has, row.values), list(row.values), is_fixed=False)
            yield chosen.record(row.line, row.raw, partial(_text_at, row.values, chosen.flags), now)
        except BadValueError as error:
            yield Rejection(row.line, str(error), row.raw[:KEPT_BYTES])
    if chosen is None:
        raise UnreadableFileError("no line of the file is a JSON object")


def _at(row: Mapping[str, Any], path: str) -> Any:
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _has(row: Mapping[str, Any], path: str) -> bool:
    return _at(row, path) is not None


def _text_at(row: Mapping[str, Any], flags: Collection[str], path: str) -> str | None:
    value = _at(row, path)
    return str(value).lower() if isinstance(value, bool) and path in flags else scalar(value)
