"""Sixty days of use that end today: two requests a day in Search, four on Mondays; one every day in Ads."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.rollups.marks import drain_marks
from tests.factories import Acme, book_lines, line, use_once
from tests.gateway.api.conftest import Caller, _fresh_throttles, caller  # noqa: F401

DAYS = 60


def midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def use(company: Acme, start: datetime, days: int) -> None:
    """As the module says, for `days` days from `start`."""
    lines: list[dict[str, Any]] = []
    for day in range(days):
        at = start + timedelta(days=day, hours=9)
        many = 4 if at.weekday() == 0 else 2
        lines += [line(company, at=at + timedelta(minutes=i), cost=Decimal("1")) for i in range(many)]
        lines.append(line(company, at=at, project=company.banner, cost=Decimal("0.5")))
    book_lines(*lines)
    drain_marks()


@pytest.fixture
def used(company: Acme) -> Acme:
    start = midnight() - timedelta(days=DAYS)
    months = [start + timedelta(days=days) for days in range(0, DAYS, 20)]
    use_once("outlook", lambda: use(company, start, DAYS), *months, midnight())
    return company
