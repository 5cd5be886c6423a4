"""PDF, with ReportLab: for reading, not for reckoning, so its rows are few."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from analytics.console import format as people
from analytics.exports.table import Column, Progress, Table, counted

PART = 500
MAX_COLUMNS = 12
INK, QUIET, RULE = colors.HexColor("#1f2328"), colors.HexColor("#59636e"), colors.HexColor("#d1d9e0")
TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=16, leading=20, textColor=INK)
TEXT = ParagraphStyle("text", fontName="Helvetica", fontSize=9, leading=12, textColor=QUIET)
CELL = ParagraphStyle("cell", fontName="Helvetica", fontSize=7, leading=8.5, textColor=INK)
HEAD = ParagraphStyle("head", parent=CELL, fontName="Helvetica-Bold")
NUMBER = ParagraphStyle("number", parent=CELL, alignment=2)
NUMBER_HEAD = ParagraphStyle("number head", parent=HEAD, alignment=2)
STYLE = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, RULE), ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2), ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ]
)  # fmt: skip


class PdfFormat:
    name = "pdf"
    label = "PDF"
    extension = "pdf"
    content_type = "application/pdf"
    max_rows = 10_000
    needs = ""

    def write(self, table: Table, path: Path, progress: Progress) -> int:
        shown = list(table.columns[:MAX_COLUMNS])
        rows = counted(table, self.max_rows, progress)
        story: list[Any] = [Paragraph(escape(table.title), TITLE), Spacer(1, 3 * mm)]
        story += [Paragraph(latin(note), TEXT) for note in _notes(table)]
        story.append(Spacer(1, 3 * mm))
        count = 0
        for part in _parts(rows):
            story.append(grid(shown, part, table.currency, width=document_width(landscape(A4))))
            count += len(part)
        if not count:
            story.append(Paragraph("There are no rows.", TEXT))
        page_document(path, table.title, landscape(A4)).build(story, canvasmaker=Numbered)
        return count


def _notes(table: Table) -> list[str]:
    notes = [f"Times in UTC, money in {table.currency}.", *table.notes]
    if len(table.columns) > MAX_COLUMNS:
        left = ", ".join(column.label for column in table.columns[MAX_COLUMNS:])
        notes.append(f"A page is too narrow for: {left}. CSV and Excel have all columns.")
    return notes


def _parts(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    while part := list(islice(rows, PART)):
        yield part


def page_document(path: Any, title: str, size: tuple[float, float]) -> SimpleDocTemplate:
    """A document with the house's margins; `path` may be a file object."""
    target = str(path) if isinstance(path, Path) else path
    return SimpleDocTemplate(
        target, pagesize=size, title=title, author="LLM Gateway", leftMargin=15 * mm, rightMargin=15 * mm,
        topMargin=15 * mm, bottomMargin=15 * mm,
    )  # fmt: skip


def document_width(size: tuple[float, float]) -> float:
    return size[0] - 30 * mm


def grid(columns: Sequence[Column], rows: Sequence[Sequence[Any]], currency: str, *, width: float) -> LongTable:
    """A table whose head stands on every page; numbers to the right."""
    numeric = [column.kind in ("integer", "number", "ratio", "money") for column in columns]
    head = [
        Paragraph(latin(column.label), NUMBER_HEAD if right else HEAD)
        for column, right in zip(columns, numeric, strict=True)
    ]
    body = [
        [
            Paragraph(latin(shown(column.kind, value, currency)), NUMBER if right else CELL)
            for column, value, right in zip(columns, row, numeric, strict=False)
        ]
        for row in rows
    ]
    weights = [1.0 if right else 1.6 for right in numeric]
    widths = [width * weight / sum(weights) for weight in weights]
    return LongTable([head, *body], colWidths=widths, repeatRows=1, style=STYLE)


def shown(kind: str, value: Any, currency: str) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    formats: Mapping[str, Any] = {
        "money": lambda: people.money_column(value, currency), "ratio": lambda: people.percent(value),
        "integer": lambda: people.number(value), "number": lambda: f"{Decimal(str(value)):,.2f}",
    }  # fmt: skip
    return str(formats[kind]()) if kind in formats else str(value)


def latin(text: str) -> str:
    """Escaped, in the letters that the standard fonts have (PDF 1.7, annex D); others become question marks."""
    plain = text.translate({0x202F: "\u00a0", 0x2212: "-", 0x2014: "\u2013", 0x2009: "\u00a0"})
    return escape(plain.encode("cp1252", "replace").decode("cp1252"))


class Numbered(Canvas):
    """Writes "page n of m" on each page once all are there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont("Helvetica", 7)
            self.setFillColor(QUIET)
            self.drawRightString(self._pagesize[0] - 15 * mm, 8 * mm, f"Page {number} of {len(self._pages)}")
            super().showPage()
        super().save()
