"""Months are archived, compared and brought back from the console: once, in the background, by superusers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from analytics import archivework
from analytics.retention import retire
from analytics.rollups.marks import drain_marks
from gateway.choices import ArchiveState, JobStatus
from gateway.ledger.archive.stores import Place
from gateway.models import AuditEvent, Job, LedgerArchive, LedgerLine
from gateway.services import archives
from gateway.services.archives import archive_detached
from gateway.signin import confirmation
from tests.analytics.test_archive import place  # noqa: F401
from tests.analytics.test_retention import NOW, at, direct_url, drop_what_left
from tests.factories import Acme, acme, book_lines, line

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/ledger-archive/"
MARCH = date(2026, 3, 1)


@pytest.fixture
def busy(
    transactional_db: None, plain_static_files: None, settings: Any, place: Place,  # noqa: F811
) -> Iterator[Acme]:  # fmt: skip
    """Two lines in March, which is due."""
    settings.DATABASE_DIRECT_URL, settings.LEDGER_ARCHIVE = direct_url(), place
    settings.LEDGER_RETENTION_DAYS = (datetime.now(UTC) - datetime(2026, 4, 2, tzinfo=UTC)).days
    company = acme()
    book_lines(line(company, at=at(0), request_id="req-a"), line(company, at=at(1), request_id="req-b"))
    drain_marks()
    yield company
    drop_what_left()


@pytest.fixture
def root(busy: Acme, client: Client) -> Client:
    client.force_login(busy.people["root"], backend="django.contrib.auth.backends.ModelBackend")
    return client


def march() -> LedgerArchive:
    return LedgerArchive.objects.get(month=MARCH)


@pytest.mark.slow
def test_archive_now_does_what_the_command_does(root: Client, busy: Acme) -> None:
    asked = root.post(PAGE, {"do": "archive"})
    waiting = root.get(PAGE).content.decode()

    assert archivework.run_waiting() == 1

    done = root.get(PAGE).content.decode()
    assert (asked.status_code, asked["Location"]) == (302, PAGE)
    assert 'hx-get="/admin/ledger-archive/?part=work"' in waiting
    assert "Queued" in waiting
    assert (march().state, march().lines, LedgerLine.objects.count()) == (ArchiveState.COMPLETE, 2, 0)
    job = Job.objects.get(kind=archivework.KIND)
    assert (job.status, (job.result or {})["said"].endswith(" archived")) == (JobStatus.SUCCEEDED, True)
    assert (job.result or {})["said"] in done
    assert "hx-get" not in root.get(f"{PAGE}?part=work").content.decode()
    event = AuditEvent.objects.get(verb="ledger.archive_now")
    assert (event.actor, event.organization, event.after) == (busy.people["root"], None, {"what": "archive"})


@pytest.mark.slow
def test_two_clicks_are_one_piece_of_work(root: Client) -> None:
    for _ in range(2):
        root.post(PAGE, {"do": "archive"})
        root.post(PAGE, {"do": "verify"})

    assert Job.objects.filter(kind=archivework.KIND).count() == 2
    assert AuditEvent.objects.filter(verb__in=["ledger.archive_now", "ledger.verify_archives"]).count() == 2
    assert archivework.run_waiting() == 2
    root.post(PAGE, {"do": "archive"})
    assert archivework.run_waiting() == 1
    assert Job.objects.get(period="archive").result == {"said": "0 archived"}
    assert AuditEvent.objects.filter(verb="ledger.archive_now").count() == 2


@pytest.mark.slow
def test_verify_says_which_is_broken(root: Client) -> None:
    retire()
    archive_detached()
    root.post(PAGE, {"do": "verify"})
    archivework.run_waiting()
    whole = Job.objects.get(period="verify").result or {}
    archives.store().delete(march().about.files[0].key)
    root.post(PAGE, {"do": "verify"})

    archivework.run_waiting()

    count = LedgerArchive.objects.readable().count()
    assert whole == {"said": f"{count} intact"}
    assert Job.objects.get(period="verify").result == {"said": f"1 of {count} broken: 2026-03 part 1"}
    assert march().fault == "ledger/2026-03/001/lines-0001.parquet is not there"


@pytest.mark.slow
def test_a_month_is_brought_back_for_some_days(root: Client, busy: Acme) -> None:
    retire()
    archive_detached()
    page = root.get(PAGE).content.decode()

    for _ in range(2):
        root.post(PAGE, {"do": "restore", "month": "2026-03-01", "days": "3"})
    assert archivework.run_waiting() == 1
    again = root.post(PAGE, {"do": "restore", "month": "2026-03-01", "days": "3"})

    assert '<option value="2026-03-01">March 2026</option>' in page
    assert LedgerLine.objects.count() == 2
    assert march().state == ArchiveState.RESTORED
    until = march().restored_until
    assert until is not None
    assert timedelta(days=2, hours=23) < until - datetime.now(UTC) <= timedelta(days=3)
    event = AuditEvent.objects.get(verb="ledger.restore_archive")
    assert event.actor == busy.people["root"]
    asked = AuditEvent.objects.get(verb="ledger.bring_back")
    assert asked.after == {"what": "restore", "month": "2026-03", "days": "3"}
    assert again.status_code == 200  # the month is no choice any more
    assert archivework.run_waiting() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "said"),
    [
        ("0", "Ensure this value is greater than or equal to 1."), ("", "This field is required."),
        ("3651", "Ensure this value is less than or equal to 3650."), ("x", "Enter a whole number."),
    ],
)  # fmt: skip
def test_days_that_are_none_are_said(root: Client, days: str, said: str) -> None:
    retire()
    archive_detached()

    answer = root.post(PAGE, {"do": "restore", "month": "2026-03-01", "days": days})

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Job.objects.filter(kind=archivework.KIND).exists()


def test_who_was_killed_is_followed_by_the_next(
    root: Client, busy: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Before anything is done, and after everything is."""
    retire()
    archive_detached()
    whole = archives.restore_month

    def die(**given: Any) -> int:
        if Job.objects.get(kind=archivework.KIND).fence == 2:
            whole(**given)
        raise KeyboardInterrupt

    monkeypatch.setattr(archives, "restore_month", die)
    root.post(PAGE, {"do": "restore", "month": "2026-03-01", "days": "3"})
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            archivework.run_waiting()
        Job.objects.filter(kind=archivework.KIND).update(claimed_until=NOW)

    assert archivework.run_waiting() == 1

    job = Job.objects.get(kind=archivework.KIND)
    assert (job.status, job.result) == (JobStatus.SUCCEEDED, {"said": "in the ledger again"})
    assert LedgerLine.objects.count() == 2


@pytest.mark.slow
def test_what_fails_is_shown(root: Client, settings: Any) -> None:
    retire()
    root.post(PAGE, {"do": "archive"})
    settings.LEDGER_ARCHIVE = Place("s3://ledger/gateway", "http://127.0.0.1:9", "us-east-1", "a", "b")

    archivework.run_waiting()

    page = root.get(PAGE).content.decode()
    assert Job.objects.get(kind=archivework.KIND).status == JobStatus.FAILED
    assert "gateway_ledgerline_2026_03_detached stays:" in page


def test_without_an_archive_nothing_can_be_asked(root: Client, settings: Any) -> None:
    settings.LEDGER_ARCHIVE = Place("")

    answer = root.post(PAGE, {"do": "archive"}, follow=True)

    assert archives.UNSET in answer.content.decode()
    assert "Archive now" not in answer.content.decode()
    assert not Job.objects.filter(kind=archivework.KIND).exists()


def test_superusers_alone_and_only_lately_confirmed(root: Client, busy: Acme, client: Client) -> None:
    session = root.session
    session[confirmation.CONFIRMED_AT] -= 16 * 60
    session.save()
    stale = root.post(PAGE, {"do": "archive"})
    assert root.get(PAGE).status_code == 200
    client.force_login(busy.people["alice"], backend="django.contrib.auth.backends.ModelBackend")
    owner = client.post(PAGE, {"do": "archive"})

    assert (stale.status_code, stale["Location"].partition("?")[0]) == (302, "/sudo/")
    assert owner.status_code == 403
    assert not Job.objects.filter(kind=archivework.KIND).exists()
