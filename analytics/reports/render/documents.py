"""Attachments: PDF (ReportLab), workbook (XlsxWriter), CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import xlsxwriter
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Image, KeepTogether, Paragraph, Spacer, Table, TableStyle

from analytics.exports.formats.csvfile import CsvFormat, cells
from analytics.exports.formats.pdf import (
    INK,
    MAX_COLUMNS,
    QUIET,
    TEXT,
    TITLE,
    Numbered,
    PdfFormat,
    document_width,
    grid,
    latin,
    page_document,
)
from analytics.exports.formats.xlsx import SAFE, XlsxFormat, styles_of, write_rows
from analytics.reports.blocks import Chart, Drawn, Figures, Grid, Words
from gateway.cells import safe_text

FORMATS = ("pdf", "xlsx", "csv")
KINDS = {form.name: form.content_type for form in (PdfFormat, XlsxFormat, CsvFormat)}
SECTION = ParagraphStyle(
    "section", fontName="Helvetica-Bold", fontSize=12, leading=16, textColor=INK, spaceBefore=10, keepWithNext=1
)
SUB = ParagraphStyle(
    "sub", fontName="Helvetica-Bold", fontSize=9, leading=12, textColor=INK, spaceBefore=6, keepWithNext=1
)
BIG = ParagraphStyle("big", fontName="Helvetica-Bold", fontSize=14, leading=17, textColor=INK)
SMALL = ParagraphStyle("small", fontName="Helvetica", fontSize=7, leading=9, textColor=QUIET)


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a report."""

    name: str
    content_type: str
    content: bytes


def documents(drawn: Drawn, images: Mapping[int, bytes], wanted: list[str], stem: str) -> list[Document]:
    """The wanted formats. `images`: PNG of each chart, by the order in the report."""
    makers = {"pdf": lambda: pdf(drawn, images), "xlsx": lambda: xlsx(drawn), "csv": lambda: csv_file(drawn)}
    return [Document(f"{stem}.{name}", KINDS[name], makers[name]()) for name in FORMATS if name in wanted]


def pdf(drawn: Drawn, images: Mapping[int, bytes]) -> bytes:
    """The report on A4, pages numbered."""
    numbers = iter(range(len(images)))
    story: list[Any] = [
        Paragraph(latin(drawn.title), TITLE),
        Paragraph(latin(f"{drawn.organization} · {drawn.period} · {drawn.zone}"), TEXT),
        Paragraph(latin(f"{drawn.seen_as} Money in {drawn.currency}."), TEXT), Spacer(1, 3 * mm),
    ]  # fmt: skip
    for part in drawn.parts:
        story.append(Paragraph(latin(part.title), SECTION))
        for block in part.blocks:
            story += _flowables(block, drawn, images, numbers)
    target = io.BytesIO()
    page_document(target, drawn.title, A4).build(story, canvasmaker=Numbered)
    return target.getvalue()


def _flowables(block: Any, drawn: Drawn, images: Mapping[int, bytes], numbers: Iterator[int]) -> list[Any]:
    width = document_width(A4)
    match block:
        case Figures(items=items):
            cells_ = [
                [
                    Paragraph(latin(item.label), SMALL),
                    Paragraph(latin(item.text), BIG),
                    Paragraph(latin(item.change), SMALL),
                ]
                for item in items
            ]
            rows = [cells_[at : at + 4] for at in range(0, len(cells_), 4)]
            filled = [[*row, *[""] * (4 - len(row))] for row in rows]
            return [Table(filled, colWidths=[width / 4] * 4, style=TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP")]))]
        case Chart():
            png = images[next(numbers)]
            picture = Image(io.BytesIO(png))
            scale = width / picture.imageWidth
            picture.drawWidth, picture.drawHeight = width, picture.imageHeight * scale
            summary = Paragraph(latin(block.summary), SMALL)
            return [KeepTogether([Paragraph(latin(block.title), SUB), summary, picture])]
        case Grid():
            title = Paragraph(latin(block.title), SUB)
            if not block.rows:
                return [title, Paragraph(latin(block.empty), TEXT)]
            return [title, grid(block.columns[:MAX_COLUMNS], block.rows, drawn.currency, width=width)]
        case Words():
            return [Paragraph(latin(block.text), TEXT)]
    return []


def xlsx(drawn: Drawn) -> bytes:
    """A sheet for each section: figures, then its tables, then the charts' numbers."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, **SAFE})
    styles = styles_of(book, drawn.currency)
    about = book.add_worksheet("About")
    about.set_column(0, 1, 28)
    rows = [("Report", drawn.title), ("Organization", drawn.organization), ("Period", drawn.period),
            ("Time zone", drawn.zone), ("Currency", drawn.currency), ("Seen as", drawn.seen_as)]  # fmt: skip
    for at, (name, value) in enumerate(rows):
        about.write_string(at, 0, name, styles["title"])
        about.write_string(at, 1, value)
    used = {"about"}
    for part in drawn.parts:
        _sheet(book.add_worksheet(_sheet_name(part.title, used)), part, styles)
    book.close()
    return target.getvalue()


def _sheet(sheet: Any, part: Any, styles: Mapping[str, Any]) -> None:
    top = 0
    for block in part.blocks:
        match block:
            case Figures(items=items):
                for item in items:
                    sheet.write_string(top, 0, item.label, styles["title"])
                    sheet.write_string(top, 1, item.text)
                    sheet.write_string(top, 2, item.change)
                    top += 1
                top += 1
            case Grid():
                sheet.write_string(top, 0, block.title, styles["title"])
                top += 2 + write_rows(sheet, block.columns, block.rows, styles, top + 1) + 1
            case Chart():
                top = _numbers(sheet, block, styles, top)
            case Words():
                sheet.write_string(top, 0, block.text)
                top += 2


def _numbers(sheet: Any, chart: Chart, styles: Mapping[str, Any], top: int) -> int:
    """A chart's values, so that nothing is in a picture alone."""
    sheet.write_string(top, 0, f"{chart.title} ({chart.unit})", styles["title"])
    for at, line in enumerate(chart.lines):
        sheet.write_string(top + 1, at + 1, line.name, styles["head"])
        for row, value in enumerate(line.values):
            if value is not None:
                sheet.write_number(top + 2 + row, at + 1, value)
    keys = chart.names or [f"{time:%Y-%m-%d %H:%M}" for time in chart.times]
    for row, key in enumerate(keys):
        sheet.write_string(top + 2 + row, 0, key)
    return top + len(keys) + 3


def _sheet_name(title: str, used: set[str]) -> str:
    """At most 31 characters as Excel counts them, without those it forbids, once only."""
    allowed = "".join(" " if letter in "[]:*?/\\'" else letter for letter in title).strip()
    base = _cut(allowed, 28) or "Section"
    name, number = base, 2
    while name.lower() in used:
        name, number = f"{_cut(base, 26)} {number}", number + 1
    used.add(name.lower())
    return name


def _cut(text: str, units: int) -> str:
    """The longest beginning of so many units of UTF-16, of which some letters need two."""
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")


def csv_file(drawn: Drawn) -> bytes:
    """Every table below the other, with its section's name."""
    target = io.StringIO()
    writer = csv.writer(target)
    for part in drawn.parts:
        for block in part.blocks:
            if isinstance(block, Grid):
                writer.writerow([safe_text(f"{part.title}: {block.title}")])
                writer.writerow([column.name for column in block.columns])
                writer.writerows(cells(row) for row in block.rows)
                writer.writerow([])
            elif isinstance(block, Figures):
                writer.writerow([safe_text(part.title)])
                writer.writerows([safe_text(item.label), safe_text(item.text)] for item in block.items)
                writer.writerow([])
    return target.getvalue().encode("utf-8-sig")
