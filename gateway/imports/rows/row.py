"""One record of an export as its reader sees it: columns by name, read strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from gateway.imports.records import MAX_TEXT, BadValueError, parse_count, parse_text, parse_time


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is 1-based, `raw` the record's text. Values are text in CSV, and whatever JSON has in JSON."""

    line: int
    raw: str
    values: Mapping[str, Any]

    def has(self, *names: str) -> bool:
        """Whether one of the columns exists, filled or not."""
        return any(name in self.values for name in names)

    def first(self, *names: str) -> Any:
        """The first of these columns that is filled; None without one."""
        for name in names:
            value = self.values.get(name)
            if value is not None and value != "":
                return value
        return None

    def text(self, *names: str) -> str | None:
        """A text or a number as text, up to 200 characters. Raises `BadValueError` for anything else."""
        value = scalar(self.first(*names))
        return None if value is None or not value.strip() else parse_text(names[0], value.strip())

    def label(self, *names: str) -> str | None:
        """A text that only describes: shortened to 200 characters instead of refused, None when it is no text."""
        value = self.first(*names)
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return None
        return str(value).replace("\0", "").strip()[:MAX_TEXT] or None

    def count(self, *names: str) -> int | None:
        """A whole number from 0. Raises `BadValueError`."""
        value = scalar(self.first(*names))
        return None if value is None else parse_count(names[0], value)

    def time(self, now: datetime, *names: str) -> datetime | None:
        """An aware UTC time. Raises `BadValueError`."""
        value = scalar(self.first(*names))
        return None if value is None else parse_time(names[0], value, now)

    def mapping(self, *names: str) -> dict[str, Any]:
        """An object: JSON's own, or the JSON text that CSV exports hold; {} for anything else."""
        value = decoded(self.first(*names))
        return value if isinstance(value, dict) else {}

    def sequence(self, *names: str) -> list[Any]:
        """A list, as `mapping` reads objects."""
        value = decoded(self.first(*names))
        return value if isinstance(value, list) else []


def decoded(value: Any) -> Any:
    """JSON inside a text; None when it is none. Helicone's CSV doubles the quotes of JSON columns twice."""
    if not isinstance(value, str) or value[:1] not in "[{":
        return value
    for text in (value, value.replace('""', '"')):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
    return None


def scalar(value: Any) -> str | None:
    """Text and numbers as text for the strict parsers; objects, lists and booleans are no values of any field."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\0" in value:
            raise BadValueError("contains a NUL character")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValueError(f"{orjson.dumps(value).decode()[:40]} is not a number or text")
    return str(value)
