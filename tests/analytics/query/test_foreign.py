"""Money of other currencies is never in a sum without a word."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.anomalies import costs, figures
from analytics.anomaly.frame import WHOLE
from analytics.models import ForeignMinute
from analytics.query import Filter, Query, run
from analytics.rollups.marks import drain_marks, prune_minutes
from analytics.services import declare_tag
from analytics.verify import compare_rollups
from costs.models import ExchangeRate
from gateway.conversion import conversion
from gateway.models import Organization
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


def test_parts_and_ratios_follow(abroad: Acme) -> None:
    result = run(
        abroad.people["alice"], asked(abroad, "cost", "input_cost", "cost_per_request", "list_cost", "requests")
    )

    # 3 + 12 × 1.2 = 17.4 of four requests; the pounds have no rate
    figures = [result.totals[name] for name in ("cost", "input_cost", "cost_per_request", "list_cost", "requests")]
    assert figures == [Decimal("17.4"), Decimal("17.4"), Decimal("4.35"), Decimal("17.4"), 4]
    assert "currencies_mixed" not in {note.code for note in result.notes}


def test_a_filter_narrows_what_is_converted(abroad: Acme) -> None:
    only = [Filter("team", "eq", (str(abroad.ads.pk),))]

    assert run(abroad.people["alice"], asked(abroad, filters=tuple(only))).totals["cost"] == Decimal("8.4")
    assert run(abroad.people["dave"], asked(abroad)).totals["cost"] == Decimal(9)


def test_what_is_kept_by_cubes_alone_is_converted_too(company: Acme) -> None:
    """Retries, failures, the cache, estimates; by status, by person, for who sees the own calls alone."""
    retried = {"status": "upstream_error", "is_final": False}
    book_lines(
        line(company, at=AT, **charge("3", "USD")), line(company, at=AT, **charge("5", "EUR"), **retried),
        line(company, at=AT, **charge("2", "USD"), **retried),
        line(company, at=AT, **charge("4", "EUR"), usage_source="estimated"),
        line(company, at=AT, project=company.banner, **charge("7", "EUR"), status="timeout"),
        line(company, at=AT, kind="cache_hit", cache_status="hit", charges=[], cost=Decimal(0), price_status="free",
             list_cost=Decimal("1.5"), currency="EUR"),
        # imported: a cost without charges
        line(company, at=AT, origin="import", charges=[], cost=Decimal(10), list_cost=None, currency="EUR"),
    )  # fmt: skip
    drain_marks()
    rate(company, "1.2")
    measures = ("cost", "list_cost", "retry_cost", "failed_cost", "saved_by_cache", "estimated_cost_share")

    # 3 + 2 + 26 × 1.2; without the import 16 × 1.2; 2 + 5 × 1.2; 2 + 12 × 1.2; 1.5 × 1.2; 4.8 ÷ 36.2
    totals = run(company.people["alice"], asked(company, *measures)).totals
    assert [totals[name] for name in measures[:5]] == [
        Decimal("36.2"), Decimal("24.2"), Decimal(8), Decimal("16.4"), Decimal("1.8")
    ]  # fmt: skip
    assert totals["estimated_cost_share"] == pytest.approx(4.8 / 36.2)

    assert by(company, "alice", "status") == {
        "ok": Decimal("19.8"), "upstream_error": Decimal(8), "timeout": Decimal("8.4")
    }  # fmt: skip
    assert by(company, "alice", "origin") == {"gateway": Decimal("24.2"), "import": Decimal(12)}
    bob = str(company.people["bob"].pk)
    assert by(company, "alice", "user") == {bob: Decimal("27.8"), None: Decimal("8.4")}
    assert run(company.people["bob"], asked(company)).totals["cost"] == Decimal("27.8")
    assert run(company.people["alice"], asked(company, filters=(Filter("status", "eq", ("timeout",)),))).totals == {
        "cost": Decimal("8.4")
    }
    assert compare_rollups([company.organization.pk]) == []


def by(company: Acme, who: str, dimension: str) -> dict[object, object]:
    groups = run(company.people[who], asked(company, dimensions=(dimension,))).groups
    return {group.dimensions[dimension]: group.measures["cost"] for group in groups}


def rate(company: Acme, factor: str) -> None:
    ExchangeRate.objects.create(
        organization=company.organization, base="EUR", quote="USD", source="Bank", rate=Decimal(factor),
        valid_from=date(2026, 3, 1),
    )  # fmt: skip


def test_end_users_and_tags_have_it_converted(company: Acme) -> None:
    declare_tag(organization=company.organization, actor=None, key="customer")
    book_lines(
        line(company, at=AT, **charge("3", "USD"), end_user="ann", tag_set={"customer": "x"}),
        line(company, at=AT, **charge("5", "EUR"), end_user="ann"),
        line(company, at=AT, **charge("7", "EUR"), end_user="ben", tag_set={"customer": "x"}),
        line(company, at=AT, **charge("10", "EUR")),
    )
    drain_marks()
    rate(company, "1.2")

    assert by(company, "alice", "end_user") == {"ann": Decimal(9), "ben": Decimal("8.4"), None: Decimal(12)}
    assert by(company, "alice", "tag.customer") == {"x": Decimal("11.4"), None: Decimal(18)}
    only = (Filter("end_user", "eq", ("ann",)),)
    assert run(company.people["alice"], asked(company, filters=only)).totals["cost"] == Decimal(9)
    assert run(company.people["alice"], asked(company, dimensions=("end_user",))).totals["cost"] == Decimal("29.4")
    assert compare_rollups([company.organization.pk]) == []


def test_the_last_minutes_are_converted(company: Acme) -> None:
    now = datetime.now(UTC)
    book_lines(line(company, at=now, **charge("3", "USD")), line(company, at=now, **charge("5", "EUR")))
    drain_marks()
    rate(company, "1.2")
    query = Query(
        measures=("cost",), start=now - timedelta(minutes=20), end=now + timedelta(minutes=1), granularity="minute",
        dimensions=("status",), organization=company.organization,
    )  # fmt: skip

    result = run(company.people["alice"], query)

    assert (result.totals["cost"], [group.measures["cost"] for group in result.groups]) == (Decimal(9), [Decimal(9)])
    ForeignMinute.objects.update(bucket=now - timedelta(hours=49))
    prune_minutes()
    assert not ForeignMinute.objects.exists()


def test_organizations_with_one_currency_are_added_up_each_by_its_own_rates(abroad: Acme) -> None:
    book_lines(line(abroad, at=AT, project=abroad.globex_project, **charge("100", "EUR")))
    drain_marks()
    ExchangeRate.objects.create(
        organization=abroad.globex, base="EUR", quote="USD", source="Own", rate=Decimal(2), valid_from=date(2026, 3, 1)
    )

    # 17.4 of Acme, 200 of Globex
    assert run(abroad.people["root"], replace(asked(abroad), organization=None)).totals["cost"] == Decimal("217.4")


def test_what_organizations_with_different_currencies_spent_is_not_added_up(abroad: Acme) -> None:
    Organization.objects.filter(pk=abroad.globex.pk).update(currency="EUR")
    query = replace(asked(abroad, "cost", "estimated_cost_share", "requests", dimensions=("model",)), organization=None)

    result = run(abroad.people["root"], query)

    assert result.totals == {"cost": None, "estimated_cost_share": None, "requests": 4}
    assert [group.measures["cost"] for group in result.groups] == [None]
    assert [note.message for note in result.notes if note.code == "currencies_mixed"] == [
        "The organizations keep different currencies: what they spent is not added up. Ask for one of them."
    ]


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


def test_the_hours_of_the_watch_and_their_causes_are_in_one_currency(company: Acme) -> None:
    week = timedelta(days=7)
    book_lines(
        line(company, at=AT - week, **charge("10", "EUR")),
        line(company, at=AT, **charge("3", "USD")),
        line(company, at=AT, **charge("20", "EUR")),
        line(company, at=AT, **charge("5", "EUR"), is_final=False, status="timeout"),
    )
    drain_marks()
    for day, factor in ((1, "1.2"), (9, "1.5")):
        ExchangeRate.objects.create(
            organization=None, base="EUR", quote="USD", source="Bank", rate=Decimal(factor),
            valid_from=date(2026, 3, day),
        )  # fmt: skip

    frame = figures.read(company.organization, AT, AT + timedelta(hours=1))
    found = costs.effects(company.organization, WHOLE, AT, AT + timedelta(hours=1))

    # 3 + 25 × 1.5 now, 10 × 1.2 a week before
    assert [frame.figures[name][0, 0] for name in ("cost", "list_cost")] == [40.5, 40.5]
    assert (found.change, found.parts["retry"]) == (Decimal("28.5"), Decimal("7.5"))
