"""A statement as a document: PDF, workbook, CSV. The same blocks as a report's, drawn by the same code."""

from collections.abc import Iterator, Sequence, Set
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone

from analytics.exports.table import Column
from analytics.reports.blocks import Block, Drawn, Figure, Figures, Grid, Part, Words
from analytics.reports.render import documents
from costs.allocation.answers import share
from costs.models import Statement, StatementStatus
from gateway import downloads
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
OTHERS = (Column("amount", "Charged"), Column("converted", "Converted"), Column("rate", "Rate of the last day"))
NO_RATE = "no rate on every day"
NOBODY = "Unallocated"
Centers = Set[UUID] | None
"""Ids of cost centres; None: all of them, and what is charged to nobody."""


def response(statement: Statement, wanted: str) -> HttpResponse:
    """The download of API and console. Raises `Invalid` for an unknown format."""
    if wanted not in FORMATS:
        raise Invalid("format", f"The format is one of {', '.join(FORMATS)}.", field="file")
    made = files(statement, [wanted])[0]
    return downloads.document(made.content, name=made.name, content_type=made.content_type)


def files(statement: Statement, wanted: list[str], only: Centers = None) -> list[documents.Document]:
    """The statement in these formats."""
    stem = f"statement-{statement.month:%Y-%m}-{statement.currency.lower()}"
    return documents.documents(draw(statement, only), {}, wanted, stem)


def draw(statement: Statement, only: Centers = None) -> Drawn:
    """What is on the document: charged amounts, what they are made of, corrections. `only`: of these cost centres
    alone; what is not charged to them is not on it."""
    is_short = only is None and statement.unpriced_lines
    month = f"{statement.month:%B %Y}"
    return Drawn(
        title=f"Statement {month}", organization=statement.organization.name, period=month,
        zone=statement.organization.reporting_timezone, currency=statement.currency, seen_as=state_words(statement),
        parts=[Part(name, blocks) for name, blocks in parts_of(statement, only)],
        made_at=f"{timezone.now():%Y-%m-%d %H:%M} UTC",
        notes=[f"{statement.unpriced_lines:,} lines have no price."] if is_short else [],
    )  # fmt: skip


def state_words(statement: Statement) -> str:
    if statement.status != StatementStatus.LOCKED:
        return f"Draft as of {statement.computed_at:%Y-%m-%d %H:%M} UTC, not locked."
    return f"Locked on {statement.locked_at:%Y-%m-%d %H:%M} UTC." if statement.locked_at else "Locked."


def parts_of(statement: Statement, only: Centers = None) -> Iterator[tuple[str, Sequence[Block]]]:
    """Titles and blocks; see `draw`."""
    charged, total, corrected = charged_rows(statement, only)
    currency = statement.currency
    figures = [
        Figure("Charged", _money(total, currency)), Figure("This month", _money(total - corrected, currency)),
        Figure("Corrections", _money(corrected, currency)),
    ]  # fmt: skip
    if only is None:
        figures.append(Figure("Unallocated", _money(statement.unallocated, currency)))
    shares = [row[-1] for row in charged]
    yield "Cost centres", [
        Figures(figures), Grid("What each is charged", ITEMS, charged, shares, "Nothing is allocated.")
    ]  # fmt: skip
    yield "What the amounts are made of", [Grid("By rule", BASIS, list(_basis(statement, only)))]
    if corrections := list(_corrections(statement, only)):
        about = "What earlier, locked months changed by since they were charged last: late lines, prices, adjustments."
        yield "Corrections", [Words(about), Grid("By month", CORRECTIONS, corrections)]
    if only is None and statement.other_currencies:
        about = f"Priced in other currencies, and in no figure above. In {currency}: by the rates of the days."
        yield "Other currencies", [Words(about), Grid("By currency", OTHERS, other_rows(statement))]


def other_rows(statement: Statement) -> list[list[str]]:
    """A row for each other currency: its amount, what that is in the statement's (or that a rate is missing), rate."""
    return [
        [
            _money(Decimal(one["amount"]), one["currency"]),
            NO_RATE if one["converted"] is None else _money(Decimal(one["converted"]), statement.currency), one["rate"],
        ]
        for one in statement.other_currencies
    ]  # fmt: skip


def charged_rows(statement: Statement, only: Centers = None) -> tuple[list[list[Any]], Decimal, Decimal]:
    """A row for each cost centre (code, name, amount, corrections, charged, share), what all are charged, and how much
    of it is corrections."""
    centers: dict[Any, list[Any]] = {}
    for item in statement.items.all():
        if _is_of(item, only):
            centers[item.cost_center] = [item.amount, Decimal(0)]
    for item in statement.corrections.all():
        if item.cost_center is not None and _is_of(item, only):
            centers.setdefault(item.cost_center, [Decimal(0), Decimal(0)])[1] += item.amount
    total = sum((a + c for a, c in centers.values()), Decimal(0))
    corrected = sum((c for _, c in centers.values()), Decimal(0))
    ranked = sorted(centers.items(), key=lambda one: (-sum(one[1]), one[0].code))
    rows = [
        [center.code, center.name, amount, correction, amount + correction, share(amount + correction, total)]
        for center, (amount, correction) in ranked
    ]
    return rows, total, corrected


def _is_of(item: Any, only: Centers) -> bool:
    return only is None or item.cost_center_id in only


def _basis(statement: Statement, only: Centers) -> Iterator[list[Any]]:
    for item in statement.items.all():
        for part in item.basis if _is_of(item, only) else ():
            yield [item.cost_center.code, part["name"], part["method"].capitalize(), Decimal(part["amount"])]


def _corrections(statement: Statement, only: Centers) -> Iterator[list[Any]]:
    for item in filter(lambda item: _is_of(item, only), statement.corrections.all()):
        yield [f"{item.corrects.month:%B %Y}", item.cost_center.code if item.cost_center else NOBODY, item.amount]


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount:,.2f} {currency}"
