"""Excel, with XlsxWriter in constant memory: one sheet of typed cells and one that says what it is about."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from analytics.console.format import SYMBOLS
from analytics.exports.table import Column, Progress, Table, counted

LONGEST_TEXT = 32_767  # Excel specifications and limits, "total number of characters that a cell can contain"
SAFE = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "nan_inf_to_errors": True}
LINE_PT = 15
WIDTHS = {"text": 20, "time": 20, "integer": 12, "number": 12, "ratio": 10, "money": 14, "boolean": 9}


class XlsxFormat:
    name = "xlsx"
    label = "Excel"
    extension = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    max_rows = 1_048_575  # Excel specifications and limits, without the head
    needs = ""

    def write(self, table: Table, path: Path, progress: Progress) -> int:
        book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent), **SAFE})
        styles = styles_of(book, table.currency)
        sheet = book.add_worksheet("Data")
        count = write_rows(sheet, table.columns, counted(table, self.max_rows, progress), styles)
        about = book.add_worksheet("About")
        lines = [("What", table.title), ("Rows", count), ("Times", "UTC"), ("Currency", table.currency)]
        for at, (name, value) in enumerate([*lines, *(("Note", note) for note in table.notes)]):
            about.write_string(at, 0, name)
            about.write(at, 1, value)
        book.close()
        return count


def styles_of(book: Any, currency: str) -> Mapping[str, Any]:
    """Cell formats by kind of column, `head` of a column and `title` of a table."""
    symbol = SYMBOLS.get(currency)
    money = f'"{symbol}"#,##0.0000######' if symbol else f'#,##0.0000###### "{currency}"'
    formats = {
        "money": money, "integer": "#,##0", "number": "#,##0.00", "ratio": "0.00%", "time": "yyyy-mm-dd hh:mm:ss",
    }  # fmt: skip
    styles = {kind: book.add_format({"num_format": text}) for kind, text in formats.items()}
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    return {**styles, "head": head, "title": book.add_format({"bold": True})}


def write_rows(sheet: Any, columns: Sequence[Column], rows: Any, styles: Mapping[str, Any], top: int = 0) -> int:
    """Head at line `top` and the rows below it, in order; the number of rows."""
    lines = max((-(-len(column.label) // (WIDTHS[column.kind] - 1)) for column in columns), default=1)
    sheet.set_row(top, LINE_PT * lines)
    for number, column in enumerate(columns):
        sheet.set_column(number, number, WIDTHS[column.kind])
        sheet.write_string(top, number, column.label, styles["head"])
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    if not top:
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
    count = 0
    for row in rows:
        count += 1
        for number, (column, value) in enumerate(zip(columns, row, strict=True)):
            if value is not None:
                _write(sheet, top + count, number, column.kind, value, styles)
    return count


def _write(sheet: Any, row: int, number: int, kind: str, value: Any, styles: Mapping[str, Any]) -> None:
    """A number is a number, never text; text is text, never a formula."""
    if isinstance(value, bool):
        sheet.write_boolean(row, number, value)
    elif isinstance(value, int | float | Decimal):
        if math.isfinite(value):
            sheet.write_number(row, number, float(value), styles.get(kind))
    elif isinstance(value, datetime):
        sheet.write_datetime(row, number, value.astimezone(UTC).replace(tzinfo=None), styles["time"])
    else:
        sheet.write_string(row, number, str(value)[:LONGEST_TEXT])
