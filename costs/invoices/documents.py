"""A reconciliation as a document: CSV, workbook, PDF. The same blocks as a report's, drawn by the same code."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from analytics.exports.table import Column
from analytics.reports.blocks import Drawn, Figure, Figures, Grid, Part
from analytics.reports.render import documents
from costs.invoices import answers
from costs.invoices.words import TITLES
from costs.models import Invoice
from gateway import downloads
from gateway.services.errors import Conflict, Invalid

FORMATS = list(documents.FORMATS)
CAUSES = (
    Column("cause", "Cause"), Column("amount", "Amount", "money"), Column("share", "Share", "ratio"),
    Column("days", "Days", "integer"), Column("arithmetic", "Arithmetic of its largest day"),
)  # fmt: skip
CELLS = (
    Column("day", "Day"), Column("model", "Model"), Column("meter", "Meter"),
    Column("billed_quantity", "Billed quantity"), Column("ledger_quantity", "Ledger quantity"),
    Column("billed", "Billed", "money"),
    Column("ledger", "Ledger", "money"), Column("drift", "Drift", "money"), Column("cause", "Cause"),
)  # fmt: skip


def response(invoice: Invoice, wanted: str) -> HttpResponse:
    """The download of API and console. Raises `Invalid` for an unknown format, `Conflict` before it is compared."""
    if wanted not in FORMATS:
        raise Invalid("format", f"The format is one of {', '.join(FORMATS)}.", field="file")
    if invoice.computed_at is None:
        raise Conflict("invoice_not_ready", "The export is not read yet.")
    stem = f"reconciliation-{invoice.vendor or 'invoice'}-{invoice.start:%Y-%m-%d}"
    made = documents.documents(draw(invoice), {}, [wanted], stem)[0]
    return downloads.document(made.content, name=made.name, content_type=made.content_type)


def draw(invoice: Invoice) -> Drawn:
    """Head figures, causes, and every day, model and meter."""
    currency = invoice.currency
    figures = Figures(
        [
            Figure("Billed", _money(invoice.billed, currency)), Figure("Ledger", _money(invoice.ledger, currency)),
            Figure("Drift", _money(invoice.drift, currency)),
            Figure("Of the bill", "–" if invoice.drift_percent is None else f"{invoice.drift_percent:+.2f} %"),
        ]
    )  # fmt: skip
    causes = [
        [one["title"], Decimal(one["amount"]), one["share"], one["days"], one["parts"][0]["arithmetic"]]
        for one in invoice.causes
    ]
    parts = [
        Part(
            "Reconciliation", [figures, Grid("Causes", CAUSES, causes, [row[2] for row in causes], "The sides agree.")]
        ),
        Part("By day, model and meter", [Grid("Drift", CELLS, list(_rows(invoice)))]),
    ]
    last = invoice.end - timedelta(days=1) if invoice.end else invoice.start
    return Drawn(
        title=f"Reconciliation of {invoice.file_name}", organization=invoice.organization.name,
        period=f"{invoice.start:%Y-%m-%d} – {last:%Y-%m-%d}", zone="UTC", currency=currency,
        seen_as=f"Compared with {', '.join(invoice.providers) or 'no provider'}.", parts=parts,
        made_at=f"{timezone.now():%Y-%m-%d %H:%M} UTC", notes=[note["message"] for note in invoice.notes],
    )  # fmt: skip


def _rows(invoice: Invoice) -> Iterator[list[Any]]:
    for one in answers.cells(invoice, by="meter"):
        yield [
            one.day.isoformat(), one.model or "all models", one.meter or "all", _plain(one.billed_quantity),
            _plain(one.ledger_quantity), one.billed_cost, one.ledger_cost, one.drift, TITLES.get(one.cause, ""),
        ]  # fmt: skip


def _plain(quantity: Decimal | None) -> str:
    return "" if quantity is None else f"{quantity.normalize():f}"


def _money(amount: Decimal | None, currency: str) -> str:
    return "–" if amount is None else f"{amount:,.2f} {currency}"
