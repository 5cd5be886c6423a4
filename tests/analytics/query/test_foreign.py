"""Money of other currencies is never in a sum without a word."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.query import Query, run
from analytics.rollups.marks import drain_marks
from tests.factories import Acme, acme, book_lines, line

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


def charge(cost: str, currency: str) -> dict[str, Any]:
    return {
        "cost": Decimal(cost), "list_cost": Decimal(cost), "currency": currency,
        "charges": [{"meter": "input", "rate_id": "r", "quantity": "1", "unit_price": cost, "cost": cost,
                     "currency": currency}],
    }  # fmt: skip


def ask(company: Acme, who: str, measure: str = "cost", days: int = 1) -> list[str]:
    query = Query(
        measures=(measure,), start=AT - timedelta(hours=12), end=AT + timedelta(days=days, hours=-12),
        organization=company.organization,
    )  # fmt: skip
    return [note.message for note in run(company.people[who], query).notes if note.code == "currencies_mixed"]


def test_each_currency_is_told_for_itself_where_there_is_any(company: Acme, django_assert_num_queries: Any) -> None:
    book_lines(line(company, at=AT, **charge("3", "USD")))
    drain_marks()
    with django_assert_num_queries(2):  # the scope, the question: nothing more where there is no other currency
        assert ask(company, "alice") == []

    book_lines(
        line(company, at=AT, **charge("5", "EUR")), line(company, at=AT, **charge("1.5", "GBP")),
        line(company, at=AT + timedelta(days=1), **charge("9", "EUR")),
        line(company, at=AT, project=company.banner, **charge("7", "EUR")),
    )  # fmt: skip
    drain_marks()

    told = "12.00 EUR, 1.50 GBP of this time are in the sums as if they were USD."
    assert ask(company, "alice") == [told]
    assert ask(company, "dave") == [told.replace("12.00", "5.00")]
    assert ask(company, "bob") == ["What is charged in other currencies is in the sums as if it were USD."]
    assert ask(company, "alice", "requests") == []
