"""A drawn report as a mail: HTML with inline pictures, plain text beside it, documents attached.

The HTML has no script, no remote picture and no style sheet of its own: mail programs strip or block them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from analytics.exports.formats.pdf import shown
from analytics.exports.table import Column
from analytics.reports.blocks import Chart, Drawn, Figures, Grid, Words
from analytics.reports.render.documents import Document, documents
from analytics.reports.render.images import charts_of, png
from gateway.services import mailing

UNSUBSCRIBE = "@@unsubscribe@@"
"""Stands in the text and the HTML where each mail has the address of its own."""
NUMERIC = frozenset({"integer", "number", "ratio", "money"})


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a mail is made of. `images`: PNG by the order in the report, named `chart-<n>` in the HTML."""

    subject: str
    html: str
    text: str
    images: Sequence[bytes]
    attachments: Sequence[Document]


def render(drawn: Drawn, formats: list[str], stem: str) -> Rendered:
    """Everything at once; about 0.2 s for each chart."""
    images = [png(chart, drawn.zone) for chart in charts_of(drawn.parts)]
    return Rendered(
        subject=" ".join(f"{drawn.title}, {drawn.period} · {drawn.organization}".split())[:200],  # one line: RFC 5322
        html=html(drawn, "cid:chart-{}"), text=plain(drawn), images=images,
        attachments=documents(drawn, dict(enumerate(images)), formats, stem),
    )  # fmt: skip


def html(drawn: Drawn, image: str, *, is_mail: bool = True) -> str:
    """The report as HTML; `image` is the pattern of a picture's address."""
    numbers = iter(range(len(charts_of(drawn.parts))))
    parts = [{"title": part.title, "blocks": [_block(block, drawn, image, numbers) for block in part.blocks]}
             for part in drawn.parts]  # fmt: skip
    context = {"report": drawn, "parts": parts, "is_mail": is_mail, "unsubscribe": UNSUBSCRIBE}
    return render_to_string("reports/mail.html", context)


def _block(block: Any, drawn: Drawn, image: str, numbers: Iterator[int]) -> dict[str, Any]:
    match block:
        case Figures(items=items):
            return {"kind": "figures", "items": items}
        case Chart():
            return {"kind": "chart", "chart": block, "src": image.format(next(numbers))}
        case Grid():
            return {"kind": "grid", "grid": block, "columns": _columns(block.columns), "rows": _rows(block, drawn)}
    return {"kind": "words", "words": block}


def _columns(columns: Sequence[Column]) -> list[tuple[str, bool]]:
    return [(column.label, column.kind in NUMERIC) for column in columns]


def _rows(grid: Grid, drawn: Drawn) -> list[dict[str, Any]]:
    shares = list(grid.shares) or [None] * len(grid.rows)
    return [
        {
            "cells": [
                (shown(column.kind, value, drawn.currency), column.kind in NUMERIC)
                for column, value in zip(grid.columns, row, strict=True)
            ],
            "share": None if share is None else round(100 * max(0.0, min(1.0, share))),
        }
        for row, share in zip(grid.rows, shares, strict=True)
    ]


def plain(drawn: Drawn) -> str:
    """The same in plain text, for mail programs without HTML. Names keep to their line."""
    lines = [drawn.title, f"{drawn.organization}, {drawn.period} ({drawn.zone})", drawn.seen_as, ""]
    for part in drawn.parts:
        lines += [part.title, "=" * len(part.title)]
        for block in part.blocks:
            lines += [*_plain_block(block, drawn), ""]
    lines += [f"In the console: {drawn.url}"] if drawn.url else []
    lines += ["", f"No more of these mails: {UNSUBSCRIBE}"]
    return "\n".join(_one_line(line) for line in lines) + "\n"


def _one_line(line: str) -> str:
    """With its indentation."""
    return " " * (len(line) - len(line.lstrip(" "))) + mailing.one_line(line)


def _plain_block(block: Any, drawn: Drawn) -> Iterator[str]:
    match block:
        case Figures(items=items):
            for item in items:
                yield f"{item.label}: {item.text}" + (f" ({item.change})" if item.change else "")
        case Chart():
            yield f"{block.title}. {block.summary}"
        case Grid():
            yield block.title
            if not block.rows:
                yield f"  {block.empty}"
            for row in block.rows:
                cells = (
                    f"{column.label} {shown(column.kind, value, drawn.currency)}"
                    for column, value in zip(block.columns, row, strict=True)
                )
                yield f"  {' | '.join(cells)}"
        case Words():
            yield block.text
