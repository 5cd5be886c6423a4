"""What the demo company pays for whether it uses it or not: throughput four times too large, and an endpoint that
nobody calls any more. Pure. A clean company has neither."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from config.demo.company import FOUNDED, PROJECTS, Company
from costs.commitments.terms import HOUR, MONTH, Terms, line_id, noon
from costs.pricing import Cover
from costs.savings.proposals import Category
from gateway.ledger.copyformat import copy_row
from gateway.ledger.ids import ms_of
from gateway.ledger.lines import prepared

BOOKED_AFTER = timedelta(hours=12, minutes=5)
"""From a line's noon to when it was booked."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """A commitment of the whole 90 days; fields as `costs.commitments.models.Commitment` has them, `amount` with the
    ten decimals that the database gives it. `needed`: units that its calls need at their busiest."""

    name: str
    kind: str
    provider: str
    model: str
    project: str
    amount: Decimal
    per: str
    units: int
    unit_name: str
    tokens_per_minute: int | None
    needed: int
    category: Category

    def terms(self, company: Company) -> Terms:
        return Terms(self.amount, Decimal(self.units), self.per, company.calendar.day(FOUNDED))

    def identity(self, company: Company) -> UUID:
        return company.id_of("commitment", self.name)


AGREED = (
    Agreed(
        "Throughput of voice picking", "provisioned_throughput", "openai", "gpt-4.1",
        "voice-picking", Decimal("0.0600000000"), HOUR, 4, "unit", 60_000, 1,
        Category.OVERSIZED_COMMITMENT,
    ),
    Agreed(
        "Endpoint of the old catalogue", "fixed_monthly", "mistral", "ministral-8b-2512",
        "product-copy", Decimal(90), MONTH, 1, "", None, 0, Category.UNUSED_COMMITMENT,
    ),
)  # fmt: skip


def agreed_of(company: Company) -> tuple[Agreed, ...]:
    return () if company.is_clean else AGREED


def covers_of(company: Company) -> list[Cover]:
    """As the price book knows them."""
    since = company.calendar.midnight(FOUNDED)
    return [
        Cover(str(one.identity(company)), str(company.organization), one.provider, (one.model,), since)
        for one in agreed_of(company)
    ]


def first_open_day(company: Company) -> date:
    """The first day that is not over, and has no line."""
    return company.calendar.until.date()


def rows_of(company: Company, before: int) -> Iterator[tuple[int, str]]:
    """`(ms, COPY row)` of each commitment on a day that is over, as `costs.services.commitments` books it."""
    day = company.calendar.day(before)
    for one in agreed_of(company) if day < first_open_day(company) else ():
        at = noon(day)
        booked = (at + BOOKED_AFTER).isoformat()
        line = prepared(_line(company, one, day), booked)
        yield ms_of(at), copy_row({**line, "id": line_id(one.identity(company), at).hex})


def _line(company: Company, one: Agreed, day: date) -> dict[str, Any]:
    priced, identity = one.terms(company).cost_of(day), one.identity(company)
    charge = {
        "meter": "commitment", "rate_id": f"commitment:{identity}", "quantity": f"{priced.quantity:f}",
        "unit_price": f"{priced.unit_price:f}", "cost": f"{priced.cost:f}", "currency": "USD",
    }  # fmt: skip
    return {
        "id": line_id(identity, noon(day)), "request_id": f"commitment-{identity}-{day}",
        "organization": str(company.organization), "project": str(company.project(one.project)),
        "team": str(company.team(PROJECTS[one.project][0])), "kind": "commitment", "is_final": False,
        "request_count": 0, "endpoint": "commitment", "provider": one.provider, "model_requested": one.model,
        "model_served": one.model, "status": "ok", "usage_source": "counted", "charges": [charge],
        "cost": priced.cost, "list_cost": Decimal(0), "currency": "USD", "price_status": "priced",
    }  # fmt: skip
