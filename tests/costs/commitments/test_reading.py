"""How well a commitment is used, with the numbers written out."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from costs.commitments.reading import utilisation
from costs.models import ExchangeRate
from costs.services import commitments
from tests import factories
from tests.costs.commitments.conftest import START, agreed

pytestmark = pytest.mark.django_db(transaction=True)
END = START + timedelta(days=2)


def call(acme: factories.Acme, **changes: Any) -> dict[str, Any]:
    fields = {"at": START + timedelta(hours=3), "list_cost": Decimal(600), "cost": Decimal(0), "charges": []}
    return factories.line(acme, **(fields | changes))


@pytest.mark.slow
def test_value_of_the_calls_against_the_cost(
    acme: factories.Acme, django_assert_num_queries: CaptureQueriesContext
) -> None:
    row = agreed(acme, tokens_per_minute=10)
    factories.book_lines(
        call(acme), call(acme, at=START + timedelta(hours=3, minutes=59)), call(acme, at=START + timedelta(hours=30)),
        call(acme, model_served="o3"), call(acme, provider="shared"), call(acme, at=END),
    )  # fmt: skip
    commitments.book_days(row.pk, date(2026, 11, 5))

    with django_assert_num_queries(2):  # type: ignore[operator]
        found = utilisation(row, START, END)

    # 2 days × 2,400 = 4,800; three calls of 600 = 1,800; 1,800 ÷ 4,800 = 0.375
    assert (found.cost, found.list_value, found.calls, found.used_share, found.unused_share, found.unused_cost) == (
        Decimal(4800), Decimal(1800), 3, Decimal("0.375"), Decimal("0.625"), Decimal(3000)
    )  # fmt: skip
    # 3 × 1,100 tokens of 48 h × 60 × 10 = 28,800 would be 0.114583; the busiest hour: 2,200 of 600
    assert (found.tokens, found.hours, found.token_share) == (3300, 48, Decimal("0.114583"))
    assert (found.peak_tokens, found.peak_value, found.peak_token_share) == (2200, Decimal(1200), Decimal("3.666667"))
    assert found.notes == ()


def test_only_the_days_on_which_it_is_paid_count(acme: factories.Acme) -> None:
    row = agreed(acme, starts_on=date(2026, 11, 2), ends_on=date(2026, 11, 3))
    factories.book_lines(call(acme), call(acme, at=START + timedelta(hours=30)), call(acme, at=END))

    found = utilisation(row, START, START + timedelta(days=30))

    assert (found.start, found.end) == (START + timedelta(days=1), END)
    assert (found.cost, found.list_value, found.calls) == (Decimal(2400), Decimal(600), 1)


def test_worth_more_than_it_costs_is_used_whole(acme: factories.Acme) -> None:
    factories.book_lines(call(acme, list_cost=Decimal(9000)))

    found = utilisation(agreed(acme), START, END)

    assert (found.used_share, found.unused_share, found.unused_cost) == (1, 0, 0)


def test_calls_that_another_commitment_covers_are_not_counted_twice(acme: factories.Acme) -> None:
    row, other = agreed(acme), agreed(acme, name="Another")
    charge = {"meter": "input", "quantity": "1000", "unit_price": "0", "cost": "0", "currency": "USD"}
    factories.book_lines(
        call(acme, charges=[charge | {"rate_id": f"commitment:{row.pk}:input:x"}]),
        call(acme, charges=[charge | {"rate_id": f"commitment:{other.pk}:input:x"}]),
    )

    assert [utilisation(one, START, END).calls for one in (row, other)] == [1, 1]


def test_calls_without_a_list_price_are_told(acme: factories.Acme) -> None:
    factories.book_lines(call(acme), call(acme, list_cost=None))

    found = utilisation(agreed(acme), START, END)

    assert (found.calls, found.unlisted_calls, found.list_value) == (2, 1, Decimal(600))
    assert found.notes == (("unlisted", "1 calls have no list price; their value is not in the list value."),)


def test_another_currency_is_converted_by_the_day_or_not_at_all(acme: factories.Acme) -> None:
    row = agreed(acme, currency="EUR")
    factories.book_lines(call(acme), call(acme, at=START + timedelta(hours=30)))
    rate = {"organization": None, "base": "EUR", "quote": "USD", "source": "Central bank"}
    ExchangeRate.objects.create(**rate, rate=Decimal("1.2"), valid_from=date(2026, 11, 2))

    missing = utilisation(row, START, END)
    ExchangeRate.objects.create(**rate, rate=Decimal("1.5"), valid_from=date(2026, 11, 1))
    found = utilisation(row, START, END)

    assert (missing.list_value, missing.used_share, missing.unused_cost) == (None, None, None)
    assert missing.notes == (("rate_missing", "No exchange rate of USD to EUR on every day."),)
    # 600 ÷ 1.5 + 600 ÷ 1.2 = 400 + 500
    assert (found.list_value, found.cost, found.unused_cost) == (Decimal(900), Decimal(4800), Decimal(3900))


def test_nothing_paid_is_neither_used_nor_unused(acme: factories.Acme) -> None:
    found = utilisation(agreed(acme), datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))

    assert (found.cost, found.calls, found.hours, found.used_share, found.unused_cost) == (0, 0, 0, None, None)
