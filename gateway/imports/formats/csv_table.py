"""Any CSV with a header line (RFC 4180: commas, double quotes, line breaks inside quotes; semicolons and tabs too)."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import BinaryIO

from gateway.imports.fields import plan
from gateway.imports.records import BadValueError, Item, Rejection
from gateway.imports.rows.csvrows import Table

IS_KEYED = False


def read(file: BinaryIO, mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """Columns by name, as `fields.plan` finds them. Empty lines are no records."""
    table = Table(file)
    chosen = plan(mapping, frozenset(table.names).__contains__, table.names)
    for row in table.rows():
        if isinstance(row, Rejection):
            yield row
            continue
        try:
            yield chosen.record(row.line, row.raw, row.values.get, now)
        except BadValueError as error:
            yield Rejection(row.line, str(error), row.raw)
