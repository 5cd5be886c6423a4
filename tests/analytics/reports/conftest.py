"""Acme with two weeks of March in the ledger, and the report of its team Search."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.reports import service
from analytics.reports.models import Report
from analytics.reports.service import Recipient, Writer
from analytics.rollups.marks import drain_marks
from gateway.models import OutboxMessage
from tests.factories import Acme, book_lines, line

MONDAY = datetime(2026, 3, 16, 7, tzinfo=UTC)
"""When the weekly report is due: about 9 to 15 March."""
DAY = datetime(2026, 3, 9, tzinfo=UTC)
SECTIONS: list[dict[str, Any]] = [
    {"kind": "metrics", "title": "Usage", "measures": ["cost", "requests"], "dimensions": ["team"], "chart": "bar",
     "limit": 10, "filters": []},
    {"kind": "metrics", "title": "Models", "measures": ["requests"], "dimensions": ["model"], "chart": "ranking",
     "limit": 10, "filters": []},
]  # fmt: skip


def fill(company: Acme) -> None:
    """Search: one dollar a day; Ads: 100 dollars on the Tuesday; half a dollar of Search the week before."""
    lines = [line(company, at=DAY + timedelta(days=day, hours=9), cost=Decimal(1)) for day in range(7)]
    lines.append(line(company, at=DAY + timedelta(days=1, hours=9), project=company.banner, cost=Decimal(100)))
    lines.append(line(company, at=DAY - timedelta(days=1), cost=Decimal("0.5")))
    book_lines(*lines)
    drain_marks()
    OutboxMessage.objects.all().delete()  # the invitation of the company


def make_report(company: Acme, *recipients: Recipient, **fields: Any) -> Report:
    wanted: dict[str, Any] = {
        "name": "Weekly", "sections": SECTIONS, "period": "previous_week", "cron": "0 7 * * 1", "timezone": "UTC",
        "formats": ["pdf", "xlsx"], "recipients": list(recipients), **fields,
    }  # fmt: skip
    return service.create_report(
        organization=company.organization, owner=company.people["alice"],
        writer=Writer(company.people["alice"], is_admin=True), **wanted,
    )  # fmt: skip


@pytest.fixture
def busy(company: Acme) -> Acme:
    fill(company)
    return company
