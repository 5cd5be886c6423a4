"""A card's table as CSV: exactly what is shown, with exact values. Pure but for the response."""

from __future__ import annotations

import csv
import io
import re

from django.http import HttpResponse

from analytics.console.cards.card import Card, Table
from gateway.cells import safe_text

NUMBER = re.compile(r"-?\d+(\.\d+)?")


def response(card: Card) -> HttpResponse:
    """The download; `no-store` stays with the console's other pages."""
    answer = HttpResponse(csv_text(card.table), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{card.id}.csv"'
    return answer


def csv_text(table: Table) -> str:
    """Header, rows and totals (RFC 4180); text that a spreadsheet would run is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    changes = ("Changes",) if table.has_changes else ()
    writer.writerow([guarded(cell) for cell in (table.head, *table.columns, *changes)])
    for row in (*table.rows, *([table.foot] if table.foot else [])):
        writer.writerow([guarded(cell) for cell in (*row.machine, *((row.changes,) if changes else ()))])
    return out.getvalue()


def guarded(cell: str) -> str:
    """`=1+1` → `'=1+1`; numbers stay."""
    return cell if NUMBER.fullmatch(cell) else safe_text(cell)
