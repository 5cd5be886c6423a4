"""The nightly comparison: once a day, with its result kept."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from analytics import reconciliation
from analytics.models import KeyDay, Reconciliation
from analytics.reconciliation import latest_reconciliations
from analytics.tasks import prune_minutes, reconcile, rollup_marks
from config.schedules import SCHEDULES
from gateway.models import Job
from tests.factories import Acme, book_lines, line


def test_the_result_is_stored_once_a_day(company: Acme) -> None:
    book_lines(line(company), line(company))

    first, second = reconcile(), reconcile()

    assert (first, second) == (0, None)
    result = Reconciliation.objects.get()
    assert (result.lines, result.cost, result.differences, result.sample) == (2, Decimal("0.007"), 0, [])
    job = Job.objects.get(kind="analytics.reconcile")
    assert (job.status, job.result, job.fence) == ("succeeded", {"differences": 0}, 1)


def test_differences_are_stored_as_text(company: Acme) -> None:
    book_lines(line(company))
    rollup_marks()
    KeyDay.objects.update(requests=7)

    result = reconciliation.reconcile_once_a_day()

    assert result is not None
    assert result.differences == 1
    assert "requests: ledger 1, rollup 7" in result.sample[0]


def test_a_failed_comparison_says_so(company: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("no space")

    monkeypatch.setattr(reconciliation, "compare_rollups", broken)

    with pytest.raises(RuntimeError):
        reconcile()

    assert Job.objects.values_list("status", "error").get(kind="analytics.reconcile") == (
        "failed",
        "RuntimeError: no space",
    )


def test_people_see_how_it_stands(company: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    never = latest_reconciliations()
    book_lines(line(company))
    rollup_marks()

    reconcile()
    well = latest_reconciliations()
    late = latest_reconciliations(now=now + timedelta(days=3))
    Job.objects.filter(kind=reconciliation.KIND).update(period="2026-01-01")
    KeyDay.objects.update(requests=7)
    reconcile()
    wrong = latest_reconciliations(limit=1)
    Job.objects.filter(kind=reconciliation.KIND).update(status="failed", error="RuntimeError: no space")
    failed = latest_reconciliations()

    assert (never.state, never.last) == ("never", None)
    assert (well.state, late.state, wrong.state) == ("ok", "late", "differs")
    assert wrong.last is not None
    assert (len(wrong.results), wrong.last.differences, len(failed.results)) == (1, 1, 2)
    assert (failed.state, failed.error) == ("failed", "RuntimeError: no space")


def test_every_task_is_scheduled() -> None:
    scheduled = {entry["task"] for entry in SCHEDULES.values()}

    assert {rollup_marks.name, reconcile.name, prune_minutes.name} <= scheduled
