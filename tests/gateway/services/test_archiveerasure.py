"""An end user who is erased leaves archived months too: nobody finds the name there, and every sum stays."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from pyarrow import parquet

from analytics.retention import retire
from analytics.rollups.marks import drain_marks
from analytics.verify import compare_rollups
from gateway.choices import ArchiveState, JobStatus
from gateway.ledger.archive import rewriting, writing
from gateway.ledger.archive.stores import Place
from gateway.models import ArchiveErasure, AuditEvent, EndUserErasure, Job, LedgerArchive, LedgerLine
from gateway.services import archiveerasure, archives, erasure
from gateway.services.archives import archive_detached, restore_month, verify_archives
from tests.analytics.test_archive import archived, killed_in, moto, place  # noqa: F401
from tests.analytics.test_retention import NOW, at, direct_url, drop_what_left, requests
from tests.factories import Acme, acme, book_lines, line

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "margarethe@customers.example"
OTHER = "otto@customers.example"
MARCH = date(2026, 3, 1)


@pytest.fixture
def busy(
    transactional_db: None, plain_static_files: None, settings: Any, place: Place,  # noqa: F811
) -> Iterator[Acme]:  # fmt: skip
    """Three lines in an archived March, one of Margarethe and one of Otto among them, and one in May."""
    settings.DATABASE_DIRECT_URL, settings.LEDGER_ARCHIVE = direct_url(), place
    drop_tables_that_left()  # of tests before
    company = acme()
    book_lines(
        line(company, at=at(0), request_id="req-a", end_user=NAME, client_ip_hash=b"1" * 16, request_hmac=b"2" * 16,
             prefix_hmacs=b"3" * 16, cost=Decimal("1234567890.0123456789"),
             charges=[{"meter": "input_tokens", "rate_id": "r", "quantity": "1", "unit_price": "1234567890.0123456789",
                       "cost": "1234567890.0123456789", "currency": "USD"}]),
        line(company, at=at(1), request_id="req-b", end_user=OTHER, client_ip_hash=b"4" * 16),
        line(company, at=at(3), request_id="req-d"),
        line(company, at=at(60), request_id="req-c", end_user=NAME),
    )  # fmt: skip
    drain_marks()
    retire(now=NOW, days=45)
    archive_detached()
    yield company
    drop_tables_that_left()


def drop_tables_that_left() -> None:
    drop_what_left()


def erase(company: Acme, name: str = NAME) -> EndUserErasure:
    made = erasure.erase_end_user(organization=company.organization, end_user=name, actor=company.people["adam"])
    assert erasure.run_waiting() == 1
    made.refresh_from_db()
    return made


def march() -> LedgerArchive:
    return LedgerArchive.objects.exclude(state__in=["superseded", "writing"]).get(month=MARCH)


def newest() -> LedgerArchive:
    return LedgerArchive.objects.filter(month=MARCH, state=ArchiveState.COMPLETE).latest("part")


def rows_of(archive: LedgerArchive) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for about in archive.about.files:
        with archives.store().open(about.key) as file:
            found += parquet.read_table(file).to_pylist()
    return sorted(found, key=lambda row: row["request_id"])


def keys() -> set[str]:
    """Every file of the month's parts."""
    return {key for part in range(1, 6) for key in archives.store().keys(f"ledger/2026-03/{part:03d}")}


@pytest.mark.parametrize("place", ["file", "s3"], indirect=True)
def test_the_name_leaves_the_archive_and_every_sum_stays(busy: Acme) -> None:
    before, rows, figures = march(), rows_of(march()), requests(busy)

    done = erase(busy)
    assert (done.status, done.archives_waiting, done.finished_at) == (JobStatus.RUNNING, 1, None)
    assert erasure.erase_in_archives() == 0

    done.refresh_from_db()
    after = march()
    assert (done.status, done.archives_waiting, done.error) == (JobStatus.SUCCEEDED, 0, "")
    assert (done.found["archives_rewritten"], done.found["archived_lines"], done.found["ledger_lines"]) == (1, 1, 1)
    changed = {"end_user": done.pseudonym, "client_ip_hash": None, "request_hmac": None, "prefix_hmacs": None}
    assert rows_of(after) == [rows[0] | changed, *rows[1:]]
    assert replace(after.about.facts, values={}) == replace(before.about.facts, values={})
    assert before.about.facts.sums["cost"] == "1234567890.0193456789"
    differences = {name: count - after.about.facts.values[name] for name, count in before.about.facts.values.items()}
    assert {name: count for name, count in differences.items() if count} == {
        "client_ip_hash": 1, "request_hmac": 1, "prefix_hmacs": 1,
    }  # fmt: skip
    assert (before.part, after.part, after.lines) == (1, 2, 3)
    assert keys() == {"ledger/2026-03/002/lines-0001.parquet", "ledger/2026-03/002/manifest.json"}
    assert verify_archives()["2026-03 part 2"] == []
    assert archived(busy) == ["req-d", "req-b", "req-a"]
    assert requests(busy) == figures
    assert compare_rollups() == []


@pytest.mark.parametrize("place", ["file", "s3"], indirect=True)
def test_of_several_files_every_line_stays_and_the_name_goes(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in (("FETCH_ROWS", 1), ("GROUP_ROWS", 1), ("FILE_ROWS", 2)):
        monkeypatch.setattr(writing, name, rows)
    first = erase(busy, OTHER)
    erasure.erase_in_archives()

    done = erase(busy)
    erasure.erase_in_archives()

    done.refresh_from_db()
    assert [file.rows for file in march().about.files] == [2, 1]
    assert [row["end_user"] for row in rows_of(march())] == [done.pseudonym, first.pseudonym, None]
    book_lines(*(line(busy, at=at(day), end_user=NAME, request_id=f"req-{day}") for day in (4, 5, 6)))
    drain_marks()
    retire(now=NOW, days=45)
    archive_detached()
    late = newest()
    sums = late.about.facts.sums
    assert [file.rows for file in late.about.files] == [2, 1]
    erasure.erase_in_archives()
    copy = newest()
    assert [file.rows for file in copy.about.files] == [2, 1]
    assert copy.about.facts.sums == sums
    assert [row["end_user"] for row in rows_of(copy)] == [done.pseudonym] * 3


def test_the_trail_says_which_part_without_the_name(busy: Acme) -> None:
    done = erase(busy)
    erasure.erase_in_archives()

    own = AuditEvent.objects.get(verb="end_user.erase_archived")
    whole = AuditEvent.objects.get(verb="ledger.rewrite_archive")
    assert (own.organization, own.object_id, own.after) == (
        busy.organization, str(done.pk), {"archive": "2026-03 part 1", "lines": 1},
    )  # fmt: skip
    assert (whole.after or {})["pseudonyms"] == [done.pseudonym]
    assert (whole.after or {})["replaces"] == "2026-03 part 1"
    assert NAME not in f"{own.after} {whole.after}"


def test_two_are_erased_by_one_rewrite_and_who_is_not_there_by_none(busy: Acme) -> None:
    done = [erase(busy), erase(busy, OTHER), erase(busy, "nobody")]
    erasure.erase_in_archives()

    for one in done:
        one.refresh_from_db()
    assert [one.found.get("archived_lines") for one in done] == [1, 1, None]
    assert {one.status for one in done} == {JobStatus.SUCCEEDED}
    assert [row["end_user"] for row in rows_of(march())] == [done[0].pseudonym, done[1].pseudonym, None]
    assert march().part == 2
    part = march().part
    late = erase(busy, "nobody else")
    erasure.erase_in_archives()
    late.refresh_from_db()
    assert (late.status, march().part) == (JobStatus.SUCCEEDED, part)


def test_nobody_else_loses_a_customer_of_the_same_name(busy: Acme) -> None:
    """Another organization's, and one that begins again after the erasure."""
    renamings = rewriting.Renamings([
        rewriting.Renaming(str(busy.organization.pk), NAME, "erased-1", at(0) - timedelta(seconds=1)),
        rewriting.Renaming("0192f0c4-0000-7000-8000-000000000000", NAME, "erased-2", NOW),
    ])  # fmt: skip

    found = rewriting.lines_of(archives.store(), march().about, renamings, lambda done, total: None)

    assert dict(found) == {}


def test_a_name_is_the_same_as_in_figures(db: None) -> None:
    from django.db import connection

    from analytics.rollups.ledger import subject

    names = ["a", "\x01a\x02", " a ", "\x02" + "ü" * 300, "x" * 199 + "\x01yz"]
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"SELECT {subject('%s::text')}", [name])
            assert rewriting.kept(name) == cursor.fetchone()[0]


def test_nothing_is_done_while_the_store_is_away(busy: Acme, settings: Any, client: Client) -> None:
    there = settings.LEDGER_ARCHIVE
    settings.LEDGER_ARCHIVE = Place("s3://ledger/gateway", "http://127.0.0.1:9", "us-east-1", "a", "b")
    done = erase(busy)

    assert erasure.erase_in_archives() == 1

    done.refresh_from_db()
    assert (done.status, done.archives_waiting, done.error, done.finished_at) == (
        JobStatus.RUNNING, 1, archiveerasure.AWAY, None,
    )  # fmt: skip
    client.force_login(busy.people["alice"], backend="django.contrib.auth.backends.ModelBackend")
    told = client.get("/api/v1/end-user-erasures").json()["results"][0]
    page = client.get("/admin/privacy/").content.decode()
    assert (told["status"], told["error"]) == ("running", archiveerasure.AWAY)
    assert {"what": "archives_waiting", "rows": 1} in told["found"]
    assert "1 archived month waiting" in page
    assert archiveerasure.AWAY in page
    EndUserErasure.objects.update(lines_before=NOW, created_at=NOW)
    erasure.look_again()
    settings.LEDGER_ARCHIVE = Place("")
    assert erasure.erase_in_archives() == 1
    settings.LEDGER_ARCHIVE = there
    assert erasure.erase_in_archives() == 0
    done.refresh_from_db()
    assert (done.status, done.error) == (JobStatus.SUCCEEDED, "")
    assert NAME not in {row["end_user"] for row in rows_of(march())}


def test_a_broken_archive_is_not_written_again_and_is_said(busy: Acme) -> None:
    store, key = archives.store(), march().about.files[0].key
    content = store.read(key) or b""
    broken = bytearray(content)
    broken[6] ^= 1
    with store.writing(key) as sink:
        sink.write(bytes(broken))
    done = erase(busy)

    assert erasure.erase_in_archives() == 1

    done.refresh_from_db()
    assert (done.status, march().part) == (JobStatus.RUNNING, 1)
    assert done.error != ""
    with store.writing(key) as sink:
        sink.write(content)
    assert erasure.erase_in_archives() == 0


@pytest.mark.parametrize("place", ["s3"], indirect=True)
@pytest.mark.parametrize("stage", ["half written", "written", "manifest there", "swapped"])
def test_whenever_it_is_killed_one_is_whole_and_the_next_run_finishes(
    busy: Acme, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    done = erase(busy)
    where, name = {
        "half written": (rewriting, "write_files"), "written": (rewriting, "instant"),
        "manifest there": (archiveerasure, "_swap"), "swapped": (archives, "delete_files"),
    }[stage]  # fmt: skip
    with killed_in(where, name, monkeypatch, after_it=stage == "half written"):
        erasure.erase_in_archives()
    done.refresh_from_db()
    half_way = (done.status, archived(busy), verify_archives()[str(march())])
    assert erasure.erase_in_archives() == (0 if stage == "swapped" else 1)
    done.refresh_from_db()
    assert done.error == ("" if stage == "swapped" else archiveerasure.BUSY)
    Job.objects.filter(kind=archiveerasure.KIND).update(claimed_until=NOW)  # a quarter of an hour later
    erasure.erase_in_archives()

    done.refresh_from_db()
    assert half_way == (JobStatus.RUNNING, ["req-d", "req-b", "req-a"], [])
    assert (done.status, done.found["archived_lines"], done.found["archives_rewritten"]) == ("succeeded", 1, 1)
    assert keys() == {"ledger/2026-03/002/lines-0001.parquet", "ledger/2026-03/002/manifest.json"}
    assert [row["end_user"] for row in rows_of(march())] == [done.pseudonym, OTHER, None]
    assert LedgerArchive.objects.filter(state=ArchiveState.WRITING).count() == 0


def test_a_month_that_is_back_is_cleared_in_the_ledger_and_in_its_file(busy: Acme) -> None:
    figures = requests(busy)
    done = erase(busy)
    restore_month(month=MARCH, actor=None)  # of the old file, after the ledger was looked through
    assert LedgerLine.objects.filter(end_user=NAME).count() == 1

    assert erasure.erase_in_archives() == 0

    done.refresh_from_db()
    assert done.status == JobStatus.SUCCEEDED
    assert not LedgerLine.objects.filter(end_user=NAME).exists()
    assert LedgerLine.objects.get(request_id="req-a").client_ip_hash is None
    assert (march().state, march().restored_until is not None) == (ArchiveState.RESTORED, True)
    assert [row["end_user"] for row in rows_of(march())] == [done.pseudonym, OTHER, None]
    drain_marks()
    assert requests(busy) == figures
    assert compare_rollups() == []
    LedgerArchive.objects.filter(state=ArchiveState.RESTORED).update(restored_until=NOW)
    retire(now=NOW, days=45)
    archive_detached()
    assert [row["end_user"] for row in rows_of(march())] == [done.pseudonym, OTHER, None]
    assert len(keys()) == 2


def test_a_month_that_comes_back_while_it_is_written_again_stays_as_it_is(
    busy: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = erase(busy)
    whole = rewriting.rewrite

    def restored_meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        restore_month(month=MARCH, actor=None)
        return whole(*args)

    monkeypatch.setattr(rewriting, "rewrite", restored_meanwhile)

    assert erasure.erase_in_archives() == 1

    done.refresh_from_db()
    assert (done.status, march().part, march().state) == (JobStatus.RUNNING, 1, ArchiveState.RESTORED)
    assert "meanwhile" in done.error
    assert erasure.erase_in_archives() == 0
    assert not LedgerLine.objects.filter(end_user=NAME).exists()
    assert (march().part, march().state) == (2, ArchiveState.RESTORED)


def test_an_archive_that_is_being_written_is_waited_for(busy: Acme) -> None:
    """It may have read its table before the name was taken out of it."""
    begun = LedgerArchive.objects.create(month=date(2026, 2, 1), part=1, table_name="gateway_ledgerline_2026_02_x")
    job = Job.objects.create(kind=archives.KIND, period=str(begun.pk), status=JobStatus.RUNNING, fence=1)
    done = erase(busy)
    assert done.archives_waiting == 2

    assert erasure.erase_in_archives() == 1

    done.refresh_from_db()
    assert (done.status, done.archives_waiting) == (JobStatus.RUNNING, 1)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.FAILED)  # the next try reads the table anew
    assert erasure.erase_in_archives() == 0
    done.refresh_from_db()
    assert done.status == JobStatus.SUCCEEDED


def test_what_is_archived_later_is_looked_through_while_the_name_is_known(busy: Acme) -> None:
    done = erase(busy)
    erasure.erase_in_archives()
    book_lines(line(busy, at=at(2), request_id="req-late", end_user=NAME))
    drain_marks()
    retire(now=NOW, days=45)
    archive_detached()
    parts = LedgerArchive.objects.filter(month=MARCH, state=ArchiveState.COMPLETE)
    assert NAME in {row["end_user"] for part in parts for row in rows_of(part)}

    erasure.erase_in_archives()

    done.refresh_from_db()
    assert (done.status, done.found["archived_lines"], done.found["archives_rewritten"]) == ("succeeded", 2, 2)
    assert NAME not in {row["end_user"] for part in parts.all() for row in rows_of(part)}
    assert ArchiveErasure.objects.filter(erasure=done).exists()
    EndUserErasure.objects.update(finished_at=datetime.now(UTC) - timedelta(days=8, minutes=1))
    assert erasure.look_again() == 0
    assert not ArchiveErasure.objects.exists()


def test_the_manifest_beside_the_new_file_is_its_own(busy: Acme) -> None:
    erase(busy)
    erasure.erase_in_archives()

    beside = json.loads(archives.store().read("ledger/2026-03/002/manifest.json") or b"")

    assert (beside["part"], beside["files"][0]["key"], beside["facts"]["rows"]) == (
        2,
        "ledger/2026-03/002/lines-0001.parquet",
        3,
    )
    assert (beside["month"], beside["table"]) == ("2026-03", "gateway_ledgerline_2026_03_detached")
