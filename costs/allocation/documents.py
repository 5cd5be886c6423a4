"""A statement as a document: PDF, workbook, CSV. The same blocks as a report's, drawn by the same code."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from analytics.exports.table import Column
from analytics.reports.blocks import Drawn, Figure, Figures, Grid, Part, Words
from analytics.reports.render import documents
from costs.allocation.answers import share
from costs.models import Statement, StatementStatus
from gateway.services.errors import Invalid

FORMATS = list(documents.FORMATS)
ITEMS = (
    Column("cost_center", "Cost centre"), Column("name", "Name"), Column("amount", "This month", "money"),
    Column("corrections", "Corrections", "money"), Column("charged", "Charged", "money"),
    Column("share", "Share", "ratio"),
)  # fmt: skip
BASIS = (
    Column("cost_center", "Cost centre"), Column("rule", "Rule"), Column("method", "Method"),
    Column("amount", "Amount", "money"),
)  # fmt: skip
CORRECTIONS = (
    Column("month", "Month"), Column("cost_center", "Cost centre"), Column("amount", "Changed by", "money"),
)  # fmt: skip
NOBODY = "Unallocated"


def response(statement: Statement, wanted: str) -> HttpResponse:
    """The download of API and console. Raises `Invalid` for an unknown format."""
    if wanted not in FORMATS:
        raise Invalid("format", f"The format is one of {', '.join(FORMATS)}.", field="file")
    stem = f"statement-{statement.month:%Y-%m}-{statement.currency.lower()}"
    made = documents.documents(draw(statement), {}, [wanted], stem)[0]
    headers = {"Content-Disposition": f'attachment; filename="{made.name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(made.content, content_type=made.content_type, headers=headers)


def draw(statement: Statement) -> Drawn:
    """What is on the document: charged amounts, what they are made of, corrections."""
    state = "Locked" if statement.status == StatementStatus.LOCKED else "Draft, not locked."
    if statement.locked_at:
        state += f" on {statement.locked_at:%Y-%m-%d %H:%M} UTC."
    charged, total, corrected = charged_rows(statement)
    currency = statement.currency
    figures = Figures(
        [
            Figure("Charged", _money(total, currency)),
            Figure("This month", _money(statement.total - statement.unallocated, currency)),
            Figure("Corrections", _money(corrected, currency)),
            Figure("Unallocated", _money(statement.unallocated, currency)),
        ]
    )
    parts = [
        Part(
            "Cost centres",
            [
                figures,
                Grid("What each is charged", ITEMS, charged, [row[-1] for row in charged], "Nothing is allocated."),
            ],
        ),
        Part("What the amounts are made of", [Grid("By rule", BASIS, list(_basis(statement)))]),
    ]
    corrections = list(_corrections(statement))
    if corrections:
        about = "What earlier, locked months changed by since they were charged last: late lines, prices, adjustments."
        parts.append(Part("Corrections", [Words(about), Grid("By month", CORRECTIONS, corrections)]))
    return Drawn(
        title=f"Statement {statement.month:%B %Y}", organization=statement.organization.name,
        period=f"{statement.month:%B %Y}", zone=statement.organization.reporting_timezone, currency=currency,
        seen_as=state, parts=parts, made_at=f"{timezone.now():%Y-%m-%d %H:%M} UTC",
        notes=[f"{statement.unpriced_lines:,} lines have no price."] if statement.unpriced_lines else [],
    )  # fmt: skip


def charged_rows(statement: Statement) -> tuple[list[list[Any]], Decimal, Decimal]:
    """A row for each cost centre (code, name, amount, corrections, charged, share), what all are charged, and how much
    of it is corrections."""
    centers: dict[Any, list[Any]] = {}
    for item in statement.items.all():
        centers[item.cost_center] = [item.amount, Decimal(0)]
    for item in statement.corrections.all():
        if item.cost_center is not None:
            centers.setdefault(item.cost_center, [Decimal(0), Decimal(0)])[1] += item.amount
    total = sum((a + c for a, c in centers.values()), Decimal(0))
    corrected = sum((c for _, c in centers.values()), Decimal(0))
    ranked = sorted(centers.items(), key=lambda one: (-sum(one[1]), one[0].code))
    rows = [
        [center.code, center.name, amount, correction, amount + correction, share(amount + correction, total)]
        for center, (amount, correction) in ranked
    ]
    return rows, total, corrected


def _basis(statement: Statement) -> Iterator[list[Any]]:
    for item in statement.items.all():
        for part in item.basis:
            yield [item.cost_center.code, part["name"], part["method"].capitalize(), Decimal(part["amount"])]


def _corrections(statement: Statement) -> Iterator[list[Any]]:
    for item in statement.corrections.all():
        yield [f"{item.corrects.month:%B %Y}", item.cost_center.code if item.cost_center else NOBODY, item.amount]


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount:,.2f} {currency}"
