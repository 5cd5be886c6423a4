"""CSV (RFC 4180), UTF-8 with a byte-order mark so that spreadsheets read it as such."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analytics.exports.table import Progress, Table, counted, exact
from gateway.cells import safe_text


class CsvFormat:
    name = "csv"
    label = "CSV"
    extension = "csv"
    content_type = "text/csv; charset=utf-8"
    max_rows = 5_000_000
    needs = ""

    def write(self, table: Table, path: Path, progress: Progress) -> int:
        count = 0
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([column.name for column in table.columns])
            for row in counted(table, self.max_rows, progress):
                writer.writerow(cells(row))
                count += 1
        return count


def cells(row: Sequence[Any]) -> list[Any]:
    """The row as CSV holds it."""
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    """Text as a spreadsheet may hold it."""
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else exact(value)
