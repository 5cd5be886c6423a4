"""What API, console and command show of an invoice: its cells, summed up and filtered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from costs.invoices.items import percent
from costs.models import Invoice, InvoiceCell

ZERO = Decimal(0)


@dataclass(slots=True)
class Summed:
    """Cells of a day and model; with `meter` of that meter alone."""

    day: date
    model: str
    meter: str | None
    billed_quantity: Decimal | None = None
    ledger_quantity: Decimal | None = None
    billed_cost: Decimal | None = None
    ledger_cost: Decimal = ZERO
    drift: Decimal = ZERO
    causes: dict[str, Decimal] = field(default_factory=dict)

    @property
    def drift_percent(self) -> Decimal | None:
        """Of what was billed; None where that is nothing, or next to it."""
        return percent(self.drift, self.billed_cost or ZERO)

    @property
    def cause(self) -> str:
        return max(self.causes, key=lambda kind: abs(self.causes[kind])) if self.causes else ""


def cells(
    invoice: Invoice, *, by: str = "day", day: date | None = None, model: str | None = None, cause: str = ""
) -> list[Summed]:
    """By day and model (`by` "meter": and meter), in that order; `cause`: cells that it explains a part of. One query.
    Quantities of different meters do not add up: they are of one meter or None."""
    rows = InvoiceCell.objects.filter(invoice=invoice)
    if day is not None:
        rows = rows.filter(day=day)
    if model is not None:
        rows = rows.filter(model=model)
    if cause:
        rows = rows.filter(causes__has_key=cause)
    found: dict[tuple[date, str, str | None], Summed] = {}
    for row in rows:
        key = (row.day, row.model, row.meter if by == "meter" else None)
        _add(found.setdefault(key, Summed(*key)), row, has_quantities=by == "meter")
    return list(found.values())


def _add(one: Summed, row: InvoiceCell, *, has_quantities: bool) -> None:
    if has_quantities:
        one.billed_quantity, one.ledger_quantity = row.billed_quantity, row.ledger_quantity
    if row.billed_cost is not None:
        one.billed_cost = (one.billed_cost or ZERO) + row.billed_cost
    one.ledger_cost += row.ledger_cost
    one.drift += row.drift
    for kind, amount in row.causes.items():
        one.causes[kind] = one.causes.get(kind, ZERO) + Decimal(amount)


def by_model(found: Sequence[Summed]) -> Mapping[str, Decimal]:
    """Drift by model, the largest first."""
    sums: dict[str, Decimal] = {}
    for one in found:
        sums[one.model] = sums.get(one.model, ZERO) + one.drift
    return dict(sorted(sums.items(), key=lambda item: (-abs(item[1]), item[0])))
