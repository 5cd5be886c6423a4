"""JSON: one array, or one object a line (NDJSON). Money is a decimal string, times are RFC 3339."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from analytics.exports.table import Column, Progress, Table, counted, exact


class JsonLinesFormat:
    name = "ndjson"
    label = "JSON lines"
    extension = "ndjson"
    content_type = "application/x-ndjson"
    max_rows = 5_000_000
    needs = ""

    def write(self, table: Table, path: Path, progress: Progress) -> int:
        count = 0
        with path.open("wb") as file:
            for row in counted(table, self.max_rows, progress):
                file.write(_object(table.columns, row) + b"\n")
                count += 1
        return count


class JsonFormat:
    name = "json"
    label = "JSON"
    extension = "json"
    content_type = "application/json"
    max_rows = 5_000_000
    needs = ""

    def write(self, table: Table, path: Path, progress: Progress) -> int:
        count = 0
        with path.open("wb") as file:
            file.write(b"[")
            for row in counted(table, self.max_rows, progress):
                file.write((b",\n" if count else b"\n") + _object(table.columns, row))
                count += 1
            file.write(b"\n]\n")
        return count


def _object(columns: Sequence[Column], row: Sequence[Any]) -> bytes:
    return orjson.dumps({column.name: _plain(value) for column, value in zip(columns, row, strict=True)})


def _plain(value: Any) -> Any:
    value = exact(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    return str(value).encode("utf-8", "replace").decode()
