"""Hours whose quarter-hours were pruned, made again of archived lines: what was answered before, or nothing."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.models import TotalQuarterHour
from analytics.patience import TookTooLong, patience
from analytics.query import QueryError, Result, archived
from analytics.retention import retire
from analytics.rollups.marks import drain_marks
from analytics.services import declare_tag
from gateway.ledger.archive.stores import Place
from gateway.services.archives import archive_detached, restore_month
from tests.analytics.test_pruning import NOW, ask, at, prune
from tests.analytics.test_retention import direct_url, drop_what_left
from tests.factories import Acme, acme, book_lines, line

pytestmark = pytest.mark.django_db(transaction=True)
MAY, JUNE = at(0, -3), at(0, 1)
QUESTIONS: dict[str, dict[str, Any]] = {
    "sums": {"measures": ["requests", "cost", "input_tokens", "errors"], "granularity": "hour"},
    "quarters by status": {
        "measures": ["requests", "error_rate"], "dimensions": ["status", "api_key"], "granularity": "quarter_hour"},
    "percentiles": {"measures": ["latency_p95", "ttft_p50"], "dimensions": ["model"], "granularity": "hour"},
    "a tag": {"measures": ["cost"], "dimensions": ["tag.feature"], "granularity": "hour"},
    "end users": {"measures": ["requests"], "dimensions": ["end_user"], "granularity": "hour"},
    "compared": {"measures": ["cost"], "granularity": "hour", "compare_to": (at(6, -50), at(23, -50))},
}  # fmt: skip


@pytest.fixture
def busy(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Acme]:
    """Lines in April, at the end of May and on the first of June 2025; an archive."""
    settings.DATABASE_DIRECT_URL, settings.LEDGER_ARCHIVE = direct_url(), Place(f"file://{tmp_path}/archive")
    company = acme()
    declare_tag(actor=company.people["alice"], organization=company.organization, key="feature")
    for number, (hour, day) in enumerate(((9, -50), (9, -3), (9.3, -3), (20, -2), (23.9, -1), (9, 0))):
        book_lines(
            line(company, at=at(hour, day), cost=Decimal(number + 1).scaleb(-3), duration_ms=100.0 * (number + 1),
                 end_user=f"user-{number % 2}", tag_set={"feature": "search"} if number % 2 else None,
                 status="timeout" if number == 2 else "ok"),
        )  # fmt: skip
    drain_marks()
    yield company
    drop_what_left()


def put_away() -> None:
    retire(now=NOW, days=45)
    archive_detached()
    prune()


def figures(found: Result) -> tuple[Any, ...]:
    return found.totals, found.previous_totals, found.series, found.groups, found.notes


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_hours_are_what_they_were(busy: Acme, question: dict[str, Any]) -> None:
    before = figures(ask(busy, MAY, JUNE, **question))

    put_away()

    assert not TotalQuarterHour.objects.filter(bucket__lt=at(0, -2)).exists()
    assert figures(ask(busy, MAY, JUNE, **question)) == before


@pytest.mark.slow
def test_late_lines_count(busy: Acme) -> None:
    put_away()
    book_lines(line(busy, at=at(9, -3), cost=Decimal("0.5")))
    drain_marks()

    found = ask(busy, MAY, JUNE, measures=["cost"], granularity="hour")

    assert (found.totals["cost"], found.series[9].measures["cost"]) == (Decimal("0.520"), Decimal("0.505"))


@pytest.mark.slow
def test_what_is_not_all_there_is_not_answered(busy: Acme) -> None:
    put_away()
    book_lines(line(busy, at=at(9, -3)))  # its day does not have it yet

    with pytest.raises(QueryError, match="Not all lines of 2025-05-29 are archived; ask for that time by the day"):
        ask(busy, MAY, JUNE, granularity="hour")
    assert ask(busy, MAY, JUNE, granularity="day").totals["requests"] == 5


@pytest.mark.slow
def test_only_so_many_days_are_made_again(busy: Acme) -> None:
    put_away()

    with pytest.raises(QueryError, match="Hours before 2025-05-30 are made of archived lines: ask for 31 days at most"):
        ask(busy, at(0, -50), JUNE, granularity="hour")


@pytest.mark.slow
@pytest.mark.parametrize("window", [(MAY, JUNE), (at(0, -3), at(0, -2))])
def test_a_store_that_is_away_is_said(busy: Acme, settings: Any, window: tuple[datetime, datetime]) -> None:
    put_away()
    settings.LEDGER_ARCHIVE = Place("file:///nowhere")

    with pytest.raises(QueryError, match="The archive of old records cannot be read now") as refused:
        ask(busy, *window, granularity="hour")
    assert refused.value.code == "archive_unavailable"


def test_what_takes_long_is_refused_or_becomes_a_job(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    put_away()
    monkeypatch.setattr(archived, "PATIENCE_S", -1.0)
    with pytest.raises(QueryError) as refused:
        ask(busy, MAY, JUNE, granularity="hour")
    assert refused.value.code == "archive_too_long"

    monkeypatch.setattr("django.conf.settings.ANALYTICS_PATIENCE_S", -1.0)
    with pytest.raises(TookTooLong), patience(30):
        ask(busy, MAY, JUNE, granularity="hour")


def test_a_month_that_was_brought_back_is_answered_too(busy: Acme) -> None:
    before = figures(ask(busy, MAY, JUNE, granularity="hour"))
    put_away()
    restore_month(month=date(2025, 5, 1), actor=None)

    assert figures(ask(busy, MAY, JUNE, granularity="hour")) == before
