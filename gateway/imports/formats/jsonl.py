"""One JSON object a line. Columns are keys; a dotted path reaches into objects (`usage.prompt_tokens`)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from gateway.imports.fields import Plan, plan
from gateway.imports.lines import RawLine
from gateway.imports.records import BadValueError, Item, Rejection, UnreadableFileError, decode, readable


def read(lines: Iterable[RawLine], mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """The first object that can be read decides which mapped paths exist. Empty lines are no records."""
    chosen: Plan | None = None
    for line in lines:
        if not line.data.strip():
            continue
        try:
            text, row = _row(line)
            if chosen is None:
                chosen = plan(mapping, partial(_has, row), list(row), is_fixed=False)
            yield chosen.record(line.number, text, partial(_text_at, row), now)
        except BadValueError as error:
            yield Rejection(line.number, str(error), readable(line.data))
    if chosen is None:
        raise UnreadableFileError("no line of the file is a JSON object")


def _row(line: RawLine) -> tuple[str, dict[str, Any]]:
    if line.is_cut:
        raise BadValueError("longer than 1 MiB")
    text = decode(line.data)
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    if not isinstance(row, dict):
        raise BadValueError("not a JSON object")
    return text, row


def _at(row: Mapping[str, Any], path: str) -> Any:
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _has(row: Mapping[str, Any], path: str) -> bool:
    return _at(row, path) is not None


def _text_at(row: Mapping[str, Any], path: str) -> str | None:
    """Scalars as text for the strict parsers; objects, lists and booleans are no values of any field."""
    value = _at(row, path)
    if value is None or isinstance(value, str):
        if value is not None and "\0" in value:
            raise BadValueError("contains a NUL character")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValueError(f"{orjson.dumps(value).decode()[:40]} is not a number or text")
    return str(value)
