"""The measure `realized_savings`: what the last measurements say, as the metrics layer answers it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.query import Filter, Query, QueryError, Result, run
from analytics.rollups.marks import drain_marks
from costs.models import RealizedHour, Recommendation
from costs.recommendations import realized, services
from gateway.conversion import Conversion, Step
from tests.costs.recommendations.conftest import Kept
from tests.costs.recommendations.findings import END, proposal, repeated
from tests.costs.recommendations.test_realized import MINI, applied, moved
from tests.factories import Acme, book_lines, line

pytestmark = pytest.mark.django_db(transaction=True)
DAY = END + timedelta(days=1)
NOW = DAY + timedelta(days=3)
MOVED, KEPT = Decimal("0.00329"), Decimal("0.0035")


@pytest.fixture
def saved(company: Acme, kept: Kept) -> Recommendation:
    """Three calls of the assistant that were moved, 0.00329 each, on the first, first and second day; one answer from
    the banner's cache, 0.0035, on the first. Three calls, moved at 0.00021 each, are in the cubes."""
    row, cache = applied(company, kept(proposal(company))), applied(company, kept(repeated(company)))
    hit = {"kind": "cache_hit", "price_status": "free", "cost": Decimal(0), "charges": [], "project": company.banner}
    book_lines(
        *(moved(company, row, DAY + timedelta(hours=hour)) for hour in (1, 1, 30)),
        line(company, at=DAY + timedelta(hours=2), **hit),
    )
    drain_marks()
    assert realized.measure_all(company.organization, now=NOW) == 2
    assert cache.pk != row.pk
    return row


def ask(company: Acme, person: str = "alice", **more: Any) -> Result:
    fields: dict[str, Any] = {"measures": ["realized_savings", "cost"], "start": DAY, "end": NOW}
    return run(company.people[person], Query(**(fields | more)))


def test_savings_stand_beside_what_the_cubes_hold(company: Acme, saved: Recommendation) -> None:
    found = ask(company, granularity="day", dimensions=["project"])

    assert found.totals == {"realized_savings": 3 * MOVED + KEPT, "cost": 3 * MINI["cost"]}
    assert [(group.dimensions["project"], group.measures["realized_savings"]) for group in found.groups] == [
        (str(company.assistant.pk), 3 * MOVED), (str(company.banner.pk), KEPT)
    ]  # fmt: skip
    assert [point.measures["realized_savings"] for point in found.series] == [
        2 * MOVED, KEPT, MOVED, 0, 0, 0
    ]  # fmt: skip


def test_it_is_asked_alone_by_model_and_against_the_days_before(company: Acme, saved: Recommendation) -> None:
    window = {"start": DAY + timedelta(days=1), "end": DAY + timedelta(days=2), "compare_to": "previous_period"}
    alone = ask(company, measures=["realized_savings"], dimensions=["model"], order="-realized_savings")
    later = ask(company, measures=["realized_savings", "distinct_keys", "latency_p95"], **window)
    narrow = ask(company, measures=["realized_savings"], filters=[Filter("model", "eq", ["gpt-4o"])])

    assert [(group.dimensions["model"], group.measures["realized_savings"]) for group in alone.groups] == [
        ("gpt-4o", 3 * MOVED), (None, KEPT), ("gpt-4o-mini", 0)
    ]  # fmt: skip
    assert later.previous_totals is not None
    assert (later.totals["realized_savings"], later.previous_totals["realized_savings"]) == (MOVED, 2 * MOVED + KEPT)
    assert (later.totals["distinct_keys"], narrow.totals["realized_savings"]) == (1, 3 * MOVED)


def test_it_is_money_in_another_currency_too(company: Acme, saved: Recommendation) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    conversion = Conversion("USD", "EUR", (Step(start, Decimal("0.5"), "one for two"),))

    found = ask(company, conversion=conversion)

    assert (found.currency, found.totals["realized_savings"]) == ("EUR", (3 * MOVED + KEPT) / 2)


@pytest.mark.parametrize("dimension", ["endpoint", "end_user"])
def test_by_what_it_is_not_kept_there_is_no_answer(company: Acme, saved: Recommendation, dimension: str) -> None:
    with pytest.raises(QueryError) as refused:
        ask(company, dimensions=[dimension])

    assert refused.value.message == (
        f"realized_savings is not kept by {dimension}; it is by organization, team, project, provider, model."
    )


def test_everybody_sees_what_is_theirs(company: Acme, saved: Recommendation) -> None:
    assert ask(company, "dave").totals["realized_savings"] == 3 * MOVED
    assert ask(company, "mallory").totals["realized_savings"] == 0
    with pytest.raises(QueryError, match="not kept by user"):
        ask(company, "bob")


def test_a_measurement_replaces_the_one_before_and_taking_it_back_ends_it(company: Acme, saved: Recommendation) -> None:
    assert ask(company).totals["realized_savings"] == 3 * MOVED + KEPT
    book_lines(moved(company, saved, DAY + timedelta(hours=30)))

    realized.measure_all(company.organization, now=NOW)
    again = ask(company).totals["realized_savings"]
    services.revert_recommendation(recommendation=saved, actor=company.people["adam"])

    assert again == 4 * MOVED + KEPT
    assert ask(company).totals["realized_savings"] == KEPT
    assert RealizedHour.objects.count() == 1
