"""Old months leave the ledger; their figures stay, whatever happens meanwhile and whatever comes later."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection

from analytics import retention
from analytics.models import CountedLine, LedgerHorizon, SubjectDay, TotalDay, TotalLocalDay, TotalQuarterHour
from analytics.query import Query, run
from analytics.retention import Retired, drop_detached, retire
from analytics.rollups.marks import drain_marks, process_marks
from analytics.rollups.rebuild import rebuild
from analytics.rollups.zones import follow_zones
from analytics.tasks import retire_ledger
from analytics.verify import compare_rollups
from config.schedules import SCHEDULES
from gateway.ledger import partitions
from gateway.models import DirtyMark, LedgerLine, Organization
from tests.factories import Acme, acme, book_lines, line

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 6, 15, tzinfo=UTC)
OLD = datetime(2026, 3, 10, tzinfo=UTC)
MARCH, APRIL = "gateway_ledgerline_2026_03", "gateway_ledgerline_2026_04"


def at(day: int, hour: int = 9) -> datetime:
    return OLD + timedelta(days=day, hours=hour)


@pytest.fixture
def busy(transactional_db: None, settings: Any) -> Iterator[Acme]:
    """Two lines in March, one in May; tables of these months as they were when the test ends."""
    settings.DATABASE_DIRECT_URL = direct_url()
    company = acme()
    book_lines(line(company, at=at(0), end_user="u1"), line(company, at=at(1)), line(company, at=at(60)))
    drain_marks()
    yield company
    drop_what_left()


def drop_what_left() -> None:
    """Tables that left the ledger or are about to: they outlive the rows of a test."""
    with psycopg.connect(direct_url(), autocommit=True) as direct:
        for table in [*partitions.detached_tables(direct), *partitions.leaving_tables(direct)]:
            direct.execute(f"DROP TABLE {table}")


def direct_url() -> str:
    """Of the test's own database."""
    parameters = connection.get_connection_params()
    return psycopg.conninfo.make_conninfo(
        host=parameters.get("host") or "", port=parameters.get("port") or "", user=parameters.get("user") or "",
        password=parameters.get("password") or "", dbname=connection.settings_dict["NAME"],
    )  # fmt: skip


def requests(company: Acme) -> Any:
    query = Query(measures=["requests", "cost"], start=at(-60), end=at(90), organization=company.organization)
    return run(company.people["alice"], query).totals


@pytest.mark.slow
def test_a_month_that_is_due_is_detached_and_its_figures_stay(busy: Acme) -> None:
    before = requests(busy)

    done = retire(now=NOW, days=45)

    assert done.tables[0] == f"{MARCH}_detached"
    assert done.waiting == ()
    assert [at.month for at in LedgerLine.objects.values_list("started_at", flat=True)] == [5]
    assert requests(busy) == before == {"requests": 3, "cost": 3 * Decimal("0.0035")}
    assert rebuild(busy.organization.pk, at(-9), at(70)).kept > 0
    assert requests(busy) == before
    assert compare_rollups() == []
    assert retire(now=NOW, days=45) == Retired()


def test_nothing_is_due_by_default_or_too_soon(busy: Acme) -> None:
    assert retire(now=NOW) == Retired()
    assert retire(now=datetime(2026, 4, 1, tzinfo=UTC), days=1) == Retired()
    assert MARCH in retire(now=datetime(2026, 4, 2, tzinfo=UTC), days=1, dry_run=True).tables
    assert LedgerLine.objects.count() == 3


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_lines_that_come_later_are_added_once(busy: Acme, zone: str) -> None:
    Organization.objects.filter(pk=busy.organization.pk).update(reporting_timezone=zone)
    follow_zones()
    retire(now=NOW, days=45)

    late = book_lines(line(busy, at=at(0, 20), end_user="u1"), line(busy, at=at(2)))
    drain_marks()
    book_lines(line(busy, at=at(0, 20), model_served="other"))
    drain_marks()
    DirtyMark.objects.create(organization=busy.organization.pk, grain="quarter_hour", bucket=at(0, 20))
    process_marks(force=True)
    rebuild(busy.organization.pk, at(-9), at(9))

    assert requests(busy) == {"requests": 6, "cost": 6 * Decimal("0.0035")}
    assert dict(TotalDay.objects.values_list("bucket", "requests"))[OLD] == 3
    assert TotalQuarterHour.objects.get(bucket=at(0, 20)).requests == 2
    assert SubjectDay.objects.get(bucket=OLD).requests == 2
    assert sum(TotalLocalDay.objects.values_list("requests", flat=True)) == (6 if zone != "UTC" else 0)
    assert {row["id"] for row in late} <= set(CountedLine.objects.values_list("pk", flat=True))


@pytest.mark.slow
def test_a_late_partition_is_detached_again_under_another_name(busy: Acme) -> None:
    retire(now=NOW, days=45)
    book_lines(line(busy, at=at(2)))
    drain_marks()

    again = retire(now=NOW, days=45)

    assert again.tables == (f"{MARCH}_detached_2",)
    assert requests(busy)["requests"] == 4
    assert drop_detached()[:2] == [f"{MARCH}_detached", f"{MARCH}_detached_2"]
    assert requests(busy)["requests"] == 4


@pytest.mark.slow
def test_a_month_waits_for_its_rollups(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "drain_marks", lambda: None)
    book_lines(line(busy, at=at(2)))

    first = retire(now=NOW, days=45)
    drain_marks()
    second = retire(now=NOW, days=45)

    assert (first.tables, first.waiting[0]) == ((), datetime(2026, 3, 1, tzinfo=UTC))
    assert second.tables[0] == f"{MARCH}_detached"
    assert requests(busy)["requests"] == 4


@pytest.mark.slow
def test_a_month_waits_for_late_lines_of_months_after_it(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days are kept alone up to May already; what came late for April must be counted before the horizon moves on."""
    monkeypatch.setattr(retention, "drain_marks", lambda: None)
    LedgerHorizon.objects.create(complete_from=datetime(2026, 5, 1, tzinfo=UTC))
    book_lines(line(busy, at=at(40)))

    first = retire(now=datetime(2026, 5, 17, tzinfo=UTC), days=45)
    drain_marks()
    second = retire(now=datetime(2026, 5, 17, tzinfo=UTC), days=45)

    assert (first.tables, first.waiting[-1]) == ((), datetime(2026, 3, 1, tzinfo=UTC))
    assert second.tables[-1] == f"{MARCH}_detached"
    assert requests(busy)["requests"] == 4


def test_a_month_into_which_somebody_books_waits(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PATIENCE", "50ms")
    with psycopg.connect(direct_url()) as writer:
        writer.execute(f"LOCK TABLE {MARCH} IN ROW EXCLUSIVE MODE")

        assert retire(now=NOW, days=45).tables == ()

    assert LedgerHorizon.objects.count() == 0


@pytest.mark.slow
def test_a_line_that_comes_between_is_brought_back(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    detach = partitions.detach

    def raced(direct: Any, month: datetime) -> None:
        if month.month == 3:
            book_lines(line(busy, at=at(2)), line(busy, at=at(3)))
            # as if it had been worked on when the partition could not be seen any more
            DirtyMark.objects.filter(grain="quarter_hour", bucket=at(3)).delete()
        detach(direct, month)

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "detach", raced)
        done = retire(now=NOW, days=45)
    drain_marks()

    assert done.tables[0] == f"{MARCH}_detached"
    assert requests(busy)["requests"] == 5
    assert LedgerLine.objects.filter(started_at__lt=at(10)).count() == 2
    retire(now=NOW, days=45)
    drain_marks()
    assert (requests(busy)["requests"], LedgerLine.objects.filter(started_at__lt=at(10)).count()) == (5, 0)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["before", "within"])
def test_a_run_that_was_killed_is_finished_by_the_next(busy: Acme, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    detach = partitions.detach

    def die(direct: Any, month: datetime) -> None:
        if stage == "within":  # its second half waits for this reader, and is given up
            with psycopg.connect(direct_url()) as reader:
                reader.execute("SELECT count(*) FROM gateway_ledgerline")
                direct.execute("SET statement_timeout = '1s'")
                detach(direct, month)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "detach", die)
        with pytest.raises((KeyboardInterrupt, psycopg.errors.QueryCanceled)):
            retire(now=NOW, days=45)
    drain_marks()
    rebuild(busy.organization.pk, at(-9), at(9))
    halfway = requests(busy)
    done = retire(now=NOW, days=45)

    assert (halfway["requests"], requests(busy)["requests"]) == (3, 3)
    assert done.tables[0] == f"{MARCH}_detached"


@pytest.mark.slow
def test_a_refresh_that_runs_meanwhile_loses_nothing(busy: Acme) -> None:
    """Rebuilding and retiring at the same time: either the whole month was there, or nothing was recomputed."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def keep_rebuilding() -> None:
        try:
            while not stop.is_set():
                rebuild(busy.organization.pk, at(-1), at(3), workers=1)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=keep_rebuilding)
    thread.start()
    try:
        done = retire(now=NOW, days=45)
    finally:
        stop.set()
        thread.join(60)

    assert (failed, done.tables[0]) == ([], f"{MARCH}_detached")
    assert requests(busy)["requests"] == 3


@pytest.mark.slow
def test_the_command_says_what_it_does(busy: Acme) -> None:
    days = str((datetime.now(UTC) - datetime(2026, 4, 2, tzinfo=UTC)).days)
    plan, done = StringIO(), StringIO()

    call_command("retire_ledger", "--days", days, "--dry-run", stdout=plan)
    call_command("retire_ledger", "--days", days, "--drop-detached", "--json", stdout=done)

    assert MARCH in plan.getvalue()
    found = json.loads(done.getvalue())
    assert f"{MARCH}_detached" in found["detached"]
    assert f"{MARCH}_detached" in found["dropped"]
    assert found["waiting"] == []


def test_retention_is_scheduled_and_off_by_default(busy: Acme) -> None:
    assert retire_ledger.name in {entry["task"] for entry in SCHEDULES.values()}
    assert (django_settings.LEDGER_RETENTION_DAYS, retire_ledger()) == (0, 0)
