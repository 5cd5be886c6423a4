"""Money of other currencies is never in a sum without a word."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.query import Filter, Query, run
from analytics.rollups.marks import drain_marks
from costs.models import ExchangeRate
from gateway.conversion import conversion
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


def asked(company: Acme, *measures: str, days: int = 1, **more: Any) -> Query:
    return Query(
        measures=measures or ("cost",), start=AT - timedelta(hours=12), end=AT + timedelta(days=days, hours=-12),
        organization=company.organization, **more,
    )  # fmt: skip


def told(company: Acme, who: str, *measures: str, **more: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for note in run(company.people[who], asked(company, *measures, **more)).notes:
        found.setdefault(note.code, []).append(note.message)
    return found


@pytest.fixture
def abroad(company: Acme) -> Acme:
    """Search: 3 dollars, 5 euro, 1.50 pounds, and 9 euro the day after; Ads: 7 euro."""
    book_lines(
        line(company, at=AT, **charge("3", "USD")), line(company, at=AT, **charge("5", "EUR")),
        line(company, at=AT, **charge("1.5", "GBP")),
        line(company, at=AT + timedelta(days=1), **charge("9", "EUR")),
        line(company, at=AT, project=company.banner, **charge("7", "EUR")),
    )  # fmt: skip
    drain_marks()
    for day, rate in ((10, "1.2"), (11, "1.5")):
        ExchangeRate.objects.create(
            organization=None, base="EUR", quote="USD", source="Bank", rate=Decimal(rate), valid_from=date(2026, 3, day)
        )
    return company


def test_nothing_more_is_asked_where_there_is_no_other_currency(company: Acme, django_assert_num_queries: Any) -> None:
    book_lines(line(company, at=AT, **charge("3", "USD")))
    drain_marks()

    with django_assert_num_queries(2):  # the scope, the question
        assert told(company, "alice") == {}


def test_cost_is_converted_by_the_day_and_what_has_no_rate_is_in_none(abroad: Acme) -> None:
    # 3 + 12 × 1.2 on the first day, 9 × 1.5 on the second; the pounds have no rate
    result = run(abroad.people["alice"], asked(abroad, days=2, granularity="day", dimensions=("team",)))

    assert result.totals["cost"] == Decimal("30.9")
    by_day = {(point.time.day, point.dimensions["team"]): point.measures["cost"] for point in result.series}
    search, ads = (str(team.pk) for team in (abroad.search, abroad.ads))
    assert {(day, str(team)): cost for (day, team), cost in by_day.items() if cost} == {
        (10, search): Decimal(9), (10, ads): Decimal("8.4"), (11, search): Decimal("13.5")
    }  # fmt: skip
    assert told(abroad, "alice", days=2) == {
        "currencies_converted": ["21.00 EUR of this time are in cost as 27.90 USD, by the day's rates."],
        "rate_missing": ["1.50 GBP of this time have no exchange rate to USD, and are in no cost."],
    }


def test_a_window_that_is_compared_is_converted_too(abroad: Acme) -> None:
    query = replace(
        asked(abroad), start=AT + timedelta(hours=12), end=AT + timedelta(hours=36), compare_to="previous_period"
    )

    result = run(abroad.people["alice"], query)

    assert (result.totals["cost"], result.previous_totals) == (Decimal("13.5"), {"cost": Decimal("17.4")})


def test_parts_and_ratios_follow_and_other_money_is_told(abroad: Acme) -> None:
    result = run(
        abroad.people["alice"], asked(abroad, "cost", "input_cost", "cost_per_request", "list_cost", "requests")
    )

    # 3 + 12 × 1.2 = 17.4 of four requests; the list cost has 3 + 12 + 1.5 as they are
    figures = [result.totals[name] for name in ("cost", "input_cost", "cost_per_request", "list_cost", "requests")]
    assert figures == [Decimal("17.4"), Decimal("17.4"), Decimal("4.35"), Decimal("16.5"), 4]
    messages = [note.message for note in result.notes if note.code == "currencies_mixed"]
    assert messages == ["12.00 EUR, 1.50 GBP of this time are in List cost as if they were USD."]


def test_a_filter_narrows_what_is_converted(abroad: Acme) -> None:
    only = [Filter("team", "eq", (str(abroad.ads.pk),))]

    assert run(abroad.people["alice"], asked(abroad, filters=tuple(only))).totals["cost"] == Decimal("8.4")
    assert run(abroad.people["dave"], asked(abroad)).totals["cost"] == Decimal(9)


def test_by_what_charges_are_not_kept_it_is_told_and_not_converted(abroad: Acme) -> None:
    result = run(abroad.people["alice"], asked(abroad, dimensions=("status",)))

    assert result.totals["cost"] == Decimal("16.5")
    assert told(abroad, "alice", dimensions=("status",))["currencies_mixed"] == [
        "12.00 EUR, 1.50 GBP of this time are in the sums as if they were USD."
    ]
    assert told(abroad, "bob")["currencies_mixed"] == [
        "What is charged in other currencies is in the sums as if it were USD."
    ]
    assert told(abroad, "alice", "requests") == {}


def test_a_rate_that_is_stated_later_is_another_answer(abroad: Acme) -> None:
    assert run(abroad.people["alice"], asked(abroad)).totals["cost"] == Decimal("17.4")
    ExchangeRate.objects.create(
        organization=abroad.organization, base="EUR", quote="USD", source="Contract", rate=Decimal(2),
        valid_from=date(2026, 3, 1),
    )  # fmt: skip

    assert run(abroad.people["alice"], asked(abroad)).totals["cost"] == Decimal(27)


def test_another_currency_is_asked_for(abroad: Acme) -> None:
    rates = conversion(abroad.organization.pk, "USD", "EUR")

    result = run(abroad.people["alice"], asked(abroad, conversion=rates))

    assert (result.currency, result.totals["cost"]) == ("EUR", Decimal("14.5"))  # 17.4 ÷ 1.2
