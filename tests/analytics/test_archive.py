"""Months that left the ledger are kept as Parquet in an S3-compatible store, are read there, and come back."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import botocore.session
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pyarrow import parquet

from analytics.exports.datasets.base import View
from analytics.exports.datasets.records import UsageRecordsDataset
from analytics.query.scope import whole_of
from analytics.retention import retire
from analytics.rollups.marks import drain_marks
from analytics.verify import compare_rollups
from config.doctor import data
from gateway.choices import ArchiveState
from gateway.ledger.archive import columns, writing
from gateway.ledger.archive.manifest import SINGLE, Manifest
from gateway.ledger.archive.stores import Place
from gateway.ledger.connect import connect
from gateway.ledger.schema import COLUMNS
from gateway.ledger.verify import verify
from gateway.models import AuditEvent, Job, LedgerArchive, LedgerLine, RetiredSpend
from gateway.services import archivedlines, archives
from gateway.services.archives import archive_detached, restore_month, verify_archives
from tests.analytics.test_retention import MARCH, NOW, at, direct_url, drop_what_left, requests
from tests.factories import Acme, acme, book_lines, line

pytestmark = pytest.mark.django_db(transaction=True)
BUCKET = "ledger"
TEXT = 'Zoë\n"quoted"\t\\N'


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Address of moto's server, spoken to over HTTP."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3(endpoint: str) -> Any:
    return botocore.session.get_session().create_client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


@pytest.fixture(params=["file"])
def place(request: Any, tmp_path: Path) -> Iterator[Place]:
    if request.param == "file":
        yield Place(f"file://{tmp_path}/archive")
        return
    endpoint = request.getfixturevalue("moto")
    client = s3(endpoint)
    client.create_bucket(Bucket=BUCKET)
    yield Place(f"s3://{BUCKET}/gateway", endpoint, "us-east-1", "a", "b", encryption="AES256")
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


@pytest.fixture
def busy(transactional_db: None, settings: Any, place: Place) -> Iterator[Acme]:
    """Two lines in March, one in May, and an archive."""
    settings.DATABASE_DIRECT_URL, settings.LEDGER_ARCHIVE = direct_url(), place
    company = acme()
    book_lines(
        line(company, at=at(0), request_id="req-a", end_user=TEXT, tag_set={"feature": TEXT}, ttft_ms=None,
             client_ip_hash=b"\x00\xff", cost=Decimal("1234567890.0123456789"),
             charges=[{"meter": "input_tokens", "rate_id": "r", "quantity": "1", "unit_price": "1234567890.0123456789",
                       "cost": "1234567890.0123456789", "currency": "USD"}]),
        line(company, at=at(1), request_id="req-b"),
        line(company, at=at(60), request_id="req-c"),
    )  # fmt: skip
    drain_marks()
    yield company
    drop_what_left()


def everything() -> list[dict[str, Any]]:
    return list(LedgerLine.objects.order_by("started_at").values(*COLUMNS))


def archived(company: Acme, **more: Any) -> list[str]:
    question = archivedlines.Question(company.organization.pk, at(-9), at(90), limit=more.pop("limit", 9), **more)
    return [
        one.request_id for one in archivedlines.find(question, lambda rows: rows.visible_to(company.people["alice"]))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["file", "s3"], indirect=True)
def test_a_month_is_archived_whole_and_then_dropped(busy: Acme) -> None:
    before, figures = everything(), requests(busy)
    retire(now=NOW, days=45)

    done = archive_detached()

    march = next(one for one in done.written if one.month == date(2026, 3, 1))
    assert (march.state, march.lines, march.part, done.failed, done.busy) == (ArchiveState.COMPLETE, 2, 1, (), ())
    assert archives.detached_tables() == []
    store = archives.store()
    manifest = json.loads(store.read("ledger/2026-03/001/manifest.json") or b"")
    (about,) = manifest["files"]
    content = store.read(about["key"]) or b""
    assert (about["sha256"], about["size_bytes"], about["rows"]) == (
        hashlib.sha256(content).hexdigest(), len(content), 2
    )  # fmt: skip
    assert manifest["columns"] == COLUMNS
    assert (manifest["facts"]["rows"], manifest["facts"]["sums"]["cost"]) == (2, "1234567890.0158456789")
    with store.open(about["key"]) as file:
        rows = parquet.read_table(file).to_pylist()
    for row, line_before in zip(rows, before[:2], strict=True):
        assert [row["cost"], row["started_at"], row["booked_at"], row["end_user"], row["client_ip_hash"]] == [
            line_before[name] if name != "client_ip_hash" else line_before[name] and bytes(line_before[name])
            for name in ("cost", "started_at", "booked_at", "end_user", "client_ip_hash")
        ]
        assert json.loads(row["charges"]) == line_before["charges"]
    assert requests(busy) == figures
    event = AuditEvent.objects.filter(verb="ledger.archive", object_id=str(march.pk)).get()
    assert (event.after or {})["lines"] == 2
    assert {job.status for job in Job.objects.filter(kind=archives.KIND)} == {"succeeded"}


@pytest.mark.slow
def test_what_is_archived_comes_back_as_it_was(busy: Acme) -> None:
    before, figures = everything(), requests(busy)
    retire(now=NOW, days=45)
    archive_detached()

    lines = restore_month(month=date(2026, 3, 1), actor=None)

    assert lines == 2
    assert everything() == before
    assert requests(busy) == figures
    assert compare_rollups() == []
    assert archived(busy) == []
    assert MARCH not in retire(now=NOW, days=45, dry_run=True).tables  # it was brought back for a while
    with connect() as direct:
        assert [check.name for check in verify(direct) if not check.is_fine and "spend" in check.name] == []


def test_a_restored_month_is_archived_again_in_place_of_its_parts(busy: Acme) -> None:
    retire(now=NOW, days=45)
    archive_detached()
    restore_month(month=date(2026, 3, 1), actor=None)
    book_lines(line(busy, at=at(2), request_id="req-late"))
    drain_marks()
    LedgerArchive.objects.filter(state=ArchiveState.RESTORED).update(restored_until=NOW)

    retire(now=NOW, days=45)
    archive_detached()

    march = LedgerArchive.objects.filter(month=date(2026, 3, 1))
    assert list(march.values_list("part", "state", "lines")) == [(1, "superseded", 2), (2, "complete", 3)]
    assert archives.store().keys("ledger/2026-03/001") == []
    assert archived(busy) == ["req-late", "req-b", "req-a"]
    assert requests(busy)["requests"] == 4


@pytest.mark.slow
def test_late_lines_make_a_part_of_their_own(busy: Acme) -> None:
    retire(now=NOW, days=45)
    archive_detached()
    book_lines(line(busy, at=at(0, 20), request_id="req-late"))
    drain_marks()
    retire(now=NOW, days=45)

    archive_detached()

    assert archived(busy) == ["req-b", "req-late", "req-a"]
    assert archived(busy, newest_first=False, limit=2) == ["req-a", "req-late"]
    assert restore_month(month=date(2026, 3, 1), actor=None) == 3
    assert requests(busy)["requests"] == 4


@pytest.mark.slow
def test_spend_of_keys_equals_their_lines_wherever_these_are(busy: Acme) -> None:
    def wrong() -> list[str]:
        with connect() as direct:
            return [check.name for check in verify(direct) if check.name.startswith("spend") and not check.is_fine]

    steps = [wrong()]
    retire(now=NOW, days=45)
    steps.append(wrong())
    archive_detached()
    steps.append(wrong())
    restore_month(month=date(2026, 3, 1), actor=None)
    steps.append(wrong())

    assert steps == [[], [], [], []]


@pytest.mark.slow
def test_spend_in_months_that_left_before_it_was_kept_is_filled_in_once(busy: Acme) -> None:
    def wrong() -> list[str]:
        with connect() as direct:
            return [check.name for check in verify(direct) if check.name.startswith("spend") and not check.is_fine]

    def migrate() -> None:
        with connection.schema_editor() as editor:
            import_module("gateway.migrations.0030_retired_spend").fill(None, editor)

    retire(now=NOW, days=45)
    kept = sorted(RetiredSpend.objects.values_list("key_id", "currency", "spent", "requests"))
    RetiredSpend.objects.all().delete()  # as a gateway did that did not keep it
    book_lines(line(busy, at=at(2), request_id="req-late"))
    with psycopg.connect(direct_url(), autocommit=True) as direct:
        direct.execute(f"ALTER TABLE {MARCH}_detached DROP COLUMN request_count, DROP COLUMN sdk_about")
        before = wrong()
        former = ", ".join(f'"{name}"' for name in COLUMNS if name not in ("request_count", "sdk_about"))
        # a line that came back and was left in the table, as it was then
        direct.execute(f"INSERT INTO {MARCH}_detached ({former}) SELECT {former} FROM {MARCH}")

    migrate()
    migrate()

    assert before == ["spend of keys = their lines"]
    assert wrong() == []
    assert sorted(RetiredSpend.objects.values_list("key_id", "currency", "spent", "requests")) == kept


def test_a_table_that_left_before_the_ledger_got_a_column_is_archived_with_it(busy: Acme) -> None:
    retire(now=NOW, days=45)
    with psycopg.connect(direct_url(), autocommit=True) as direct:
        direct.execute(f"ALTER TABLE {MARCH}_detached DROP COLUMN request_count, DROP COLUMN sdk_about")

    done = archive_detached()

    assert done.failed == ()
    march = LedgerArchive.objects.get(month=date(2026, 3, 1))
    assert (march.lines, march.about.facts.sums["request_count"], march.about.facts.values["sdk_about"]) == (2, "2", 0)


@contextmanager
def killed_in(where: Any, name: str, monkeypatch: pytest.MonkeyPatch, *, after_it: bool) -> Iterator[None]:
    """What runs in the block ends in that function, as by a signal; `after_it`: when its work is done."""
    whole = getattr(where, name)

    def die(*args: Any) -> Any:
        if after_it:
            whole(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, name, die)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.mark.slow
@pytest.mark.parametrize("place", ["s3"], indirect=True)
@pytest.mark.parametrize("stage", ["half written", "written", "read back", "manifest there"])
def test_whenever_it_is_killed_the_next_run_makes_one_archive(
    busy: Acme, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    retire(now=NOW, days=45)
    where, name = {
        "half written": (writing, "write_files"), "written": (writing, "faults"), "read back": (Manifest, "to_json"),
        "manifest there": (archives, "_complete"),
    }[stage]  # fmt: skip
    with killed_in(where, name, monkeypatch, after_it=stage == "half written"):
        archive_detached()
    tables = archives.detached_tables()
    busy_then = archive_detached().busy
    Job.objects.filter(kind=archives.KIND).update(claimed_until=NOW)  # two minutes later
    done = archive_detached()

    assert f"{MARCH}_detached" in tables
    assert busy_then != ()
    assert archives.detached_tables() == []
    assert [one.lines for one in LedgerArchive.objects.filter(month=date(2026, 3, 1))] == [2]
    assert len(done.written) + len(busy_then) >= 1
    assert archived(busy) == ["req-b", "req-a"]
    assert {problem for found in verify_archives().values() for problem in found} == set()


def test_an_archive_that_is_not_what_was_written_keeps_the_table(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    retire(now=NOW, days=45)
    doubled = columns.selection().replace('"cost"', '"cost" * 2 AS cost', 1)
    monkeypatch.setattr(writing, "selection", lambda: doubled)

    done = archive_detached()

    assert dict(done.failed)[f"{MARCH}_detached"].endswith("sums differs")
    assert f"{MARCH}_detached" in archives.detached_tables()
    assert LedgerArchive.objects.readable().filter(lines__gt=0).count() == 0
    assert archives.store().read("ledger/2026-03/001/manifest.json") is None


@pytest.mark.parametrize("place", ["file", "s3"], indirect=True)
def test_a_changed_file_is_found_and_not_restored(busy: Acme) -> None:
    retire(now=NOW, days=45)
    archive_detached()
    store = archives.store()
    content = bytearray(store.read("ledger/2026-03/001/lines-0001.parquet") or b"")
    content[len(content) // 2] ^= 1
    with store.writing("ledger/2026-03/001/lines-0001.parquet") as sink:
        sink.write(bytes(content))

    with pytest.raises(CommandError, match="2026-03 part 1"):
        call_command("archive_ledger", "--verify", stdout=StringIO())
    with pytest.raises(CommandError, match="Nothing was restored"):
        call_command("restore_archive", "--month", "2026-03", stdout=StringIO())

    assert "SHA-256" in LedgerArchive.objects.get(month=date(2026, 3, 1)).fault
    assert LedgerLine.objects.count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("place", ["file", "s3"], indirect=True)
def test_old_lines_are_found_by_the_filters_of_the_ledger(busy: Acme) -> None:
    retire(now=NOW, days=45)
    archive_detached()

    question = archivedlines.Question(busy.organization.pk, at(-9), at(90), limit=9)
    alice, mallory = busy.people["alice"], busy.people["mallory"]
    by_tag = archivedlines.find(
        question, lambda rows: rows.visible_to(alice).filter(tag_set__contains={"feature": TEXT})
    )
    hers = archivedlines.find(question, lambda rows: rows.visible_to(mallory))

    assert [(one.request_id, one.is_archived, one.cost) for one in by_tag] == [
        ("req-a", True, Decimal("1234567890.0123456789"))
    ]
    assert hers == []
    assert archived(busy, columns=archivedlines.LISTED, limit=1) == ["req-b"]


@pytest.mark.slow
def test_api_console_and_exports_read_what_is_archived(busy: Acme, client: Client) -> None:
    retire(now=NOW, days=45)
    archive_detached()
    client.force_login(busy.people["alice"], backend="django.contrib.auth.backends.ModelBackend")
    window = {"start": at(-9).isoformat(), "end": at(90).isoformat()}

    page = client.get("/api/v1/usage-records", window).json()
    oldest = client.get("/api/v1/usage-records", window | {"ordering": "started_at", "page_size": "1"}).json()
    searched = client.get("/api/v1/usage-records", window | {"search": "req-b"}).json()
    record = client.get("/api/v1/usage-records/req-a").json()
    by_line = client.get(f"/api/v1/usage-records/{record['id']}").json()
    costs = client.get("/api/v1/usage-records/req-a/cost-explanation").json()
    listed = client.get("/admin/requests/", window).content.decode()
    detail = client.get("/admin/requests/req-a/").content.decode()
    exported = _exported(busy, window)

    assert [(one["request_id"], one["is_archived"]) for one in page["results"]] == [
        ("req-c", False), ("req-b", True), ("req-a", True)
    ]  # fmt: skip
    assert (page["count"], page["count_is_capped"]) == (3, False)
    assert [one["request_id"] for one in oldest["results"]] == ["req-a"]
    assert [one["request_id"] for one in searched["results"]] == ["req-b"]
    assert (record["is_archived"], record["tags"], by_line["id"]) == (
        True, [{"key": "feature", "value": TEXT}], record["id"],
    )  # fmt: skip
    assert costs["total_cost"] == "1234567890.0123456789"
    assert re.findall(r'class="row-link" href="/admin/requests/([^/]+)/"', listed) == ["req-c", "req-b", "req-a"]
    assert "some of them from the archive" in listed
    assert "From the archive" in detail
    assert exported == ["req-a", "req-b", "req-c"]


def _exported(company: Acme, window: dict[str, str]) -> list[str]:
    view = View(company.organization, whole_of(company.organization))
    table = UsageRecordsDataset().open(window, view)
    place = [column.name for column in table.columns].index("request_id")
    return [row[place] for row in table.rows]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of one line, files of two."""
    for name, rows in (("FETCH_ROWS", 1), ("GROUP_ROWS", 1), ("FILE_ROWS", 2)):
        monkeypatch.setattr(writing, name, rows)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["file", "s3"], indirect=True)
def test_a_large_month_becomes_several_files(busy: Acme, small: None) -> None:
    book_lines(*(line(busy, at=at(day), request_id=f"req-{day}") for day in (2, 3, 4)))
    drain_marks()
    before, figures = everything(), requests(busy)
    retire(now=NOW, days=45)

    archive_detached()

    march = LedgerArchive.objects.get(month=date(2026, 3, 1))
    store, keys = archives.store(), [f"ledger/2026-03/001/lines-000{number}.parquet" for number in (1, 2, 3)]
    assert store.keys("ledger/2026-03/001") == [*keys, "ledger/2026-03/001/manifest.json"]
    assert [(file.key, file.rows, file.first) for file in march.about.files] == [
        (keys[0], 2, "2026-03-10T09:00:00.000000Z"), (keys[1], 2, "2026-03-12T09:00:00.000000Z"),
        (keys[2], 1, "2026-03-14T09:00:00.000000Z"),
    ]  # fmt: skip
    assert {file.sha256 for file in march.about.files} == {
        hashlib.sha256(store.read(key) or b"").hexdigest() for key in keys
    }
    assert march.size_bytes == sum(len(store.read(key) or b"") for key in keys)
    assert archived(busy) == ["req-4", "req-3", "req-2", "req-b", "req-a"]
    assert archived(busy, limit=1, newest_first=False) == ["req-a"]
    assert verify_archives()["2026-03 part 1"] == []
    assert restore_month(month=date(2026, 3, 1), actor=None) == 5
    assert everything() == before
    assert requests(busy) == figures


def test_only_files_whose_bounds_fit_are_opened(busy: Acme, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    book_lines(*(line(busy, at=at(day), request_id=f"req-{day}") for day in (2, 3, 4)))
    drain_marks()
    retire(now=NOW, days=45)
    archive_detached()
    store, opened = archives.store(), []
    whole = store.open
    monkeypatch.setattr(store, "open", lambda key: [opened.append(key[-12:]), whole(key)][1], raising=False)
    question = archivedlines.Question(busy.organization.pk, at(2), at(3), 9)

    found = archivedlines.find(question, lambda rows: rows)

    assert [one.request_id for one in found] == ["req-2"]
    assert opened == ["0002.parquet"]


@pytest.mark.parametrize("damage", ["gone", "changed", "exchanged"])
def test_damage_to_one_of_several_files_is_found(busy: Acme, small: None, damage: str) -> None:
    book_lines(*(line(busy, at=at(day), request_id=f"req-{day}") for day in (2, 3, 4)))
    drain_marks()
    retire(now=NOW, days=45)
    archive_detached()
    store = archives.store()
    first, second = (f"ledger/2026-03/001/lines-000{number}.parquet" for number in (1, 2))
    content = bytearray(store.read(first if damage == "exchanged" else second) or b"")
    content[len(content) // 2] ^= damage == "changed"
    store.delete(second)
    if damage != "gone":
        with store.writing(second) as sink:
            sink.write(bytes(content))

    problems = verify_archives()["2026-03 part 1"]

    assert [problem[: len(second) + 5] for problem in problems] == [
        f"{second} is n" if damage == "gone" else f"{second}: SHA"
    ]
    with pytest.raises(writing.BrokenArchive):
        restore_month(month=date(2026, 3, 1), actor=None)


def test_an_archive_of_one_file_with_the_former_manifest_is_read_still(busy: Acme) -> None:
    before = everything()
    retire(now=NOW, days=45)
    archive_detached()
    store, march = archives.store(), LedgerArchive.objects.get(month=date(2026, 3, 1))
    (file,) = march.about.files
    key = "ledger/2026-03/001/lines.parquet"
    former = {name: value for name, value in (march.manifest or {}).items() if name != "files"}
    former |= {"format": SINGLE, "key": key, "sha256": file.sha256, "size_bytes": file.size_bytes}
    for name, content in ((key, store.read(file.key) or b""), ("ledger/2026-03/001/manifest.json",
                          json.dumps(former, indent=1, sort_keys=True).encode())):  # fmt: skip
        with store.writing(name) as sink:
            sink.write(content)
    store.delete(file.key)
    LedgerArchive.objects.filter(pk=march.pk).update(manifest=former)

    assert archived(busy) == ["req-b", "req-a"]
    assert verify_archives()["2026-03 part 1"] == []
    assert restore_month(month=date(2026, 3, 1), actor=None) == 2
    assert everything() == before
    LedgerArchive.objects.filter(state=ArchiveState.RESTORED).update(restored_until=NOW)
    retire(now=NOW, days=45)
    archive_detached()
    assert store.keys("ledger/2026-03/001") == []


@pytest.mark.slow
def test_a_store_that_is_away_is_said_and_hides_nothing_else(busy: Acme, client: Client, settings: Any) -> None:
    retire(now=NOW, days=45)
    archive_detached()
    settings.LEDGER_ARCHIVE = Place("s3://ledger/gateway", "http://127.0.0.1:9", "us-east-1", "a", "b")
    client.force_login(busy.people["alice"], backend="django.contrib.auth.backends.ModelBackend")
    window = {"start": at(-9).isoformat(), "end": at(90).isoformat()}

    listed = client.get("/admin/requests/", window)
    answer = client.get("/api/v1/usage-records", window)

    assert "which cannot be read now" in listed.content.decode()
    assert "req-c" in listed.content.decode()
    assert (answer.status_code, answer.json()["code"]) == (503, "archive_unavailable")
    assert data.ledger_archive().outcome == "failed"


@pytest.mark.slow
def test_the_page_shows_what_is_kept_where(busy: Acme, client: Client) -> None:
    root = busy.people["root"]
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    empty = client.get("/admin/ledger-archive/").content.decode()
    retire(now=NOW, days=45)
    waiting = client.get("/admin/ledger-archive/").content.decode()
    archive_detached()
    restore_month(month=date(2026, 3, 1), actor=root, days=3)

    page = client.get("/admin/ledger-archive/").content.decode()

    assert "No month is archived" in empty
    assert f"{MARCH}_detached" in waiting
    assert f"{MARCH}_detached" not in page
    assert "Back in the ledger" in page
    assert data.ledger_archive().outcome == "ok"
    client.force_login(busy.people["alice"], backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/ledger-archive/").status_code == 403


def test_the_command_says_what_it_does(busy: Acme) -> None:
    days = str((datetime.now(UTC) - datetime(2026, 4, 2, tzinfo=UTC)).days)
    plan, done, again = StringIO(), StringIO(), StringIO()

    call_command("archive_ledger", "--days", days, "--dry-run", "--json", stdout=plan)
    call_command("archive_ledger", "--days", days, "--json", stdout=done)
    call_command("restore_archive", "--month", "2026-03", "--json", stdout=again)

    assert MARCH in json.loads(plan.getvalue())["tables"]
    found = json.loads(done.getvalue())
    assert {
        name: next(one for one in found["archived"] if one["month"] == "2026-03")[name]
        for name in ("month", "part", "lines")
    } == {"month": "2026-03", "part": 1, "lines": 2}
    assert json.loads(again.getvalue()) == {"month": "2026-03", "lines": 2, "days": 30}
    with pytest.raises(CommandError, match="ARCHIVE_URL is set"):
        call_command("retire_ledger", "--drop-detached", stdout=StringIO())


def test_a_large_file_goes_up_in_parts(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.ledger.archive import s3 as module
    from gateway.ledger.archive.stores import store_of

    client = s3(moto)
    client.create_bucket(Bucket="parts")
    store = store_of(Place("s3://parts/x", moto, "us-east-1", "a", "b", encryption="aws:kms", encryption_key="k"))
    monkeypatch.setattr(module, "PART_BYTES", 5 << 20)
    content = os.urandom(11 << 20)

    with store.writing("big") as sink:
        for start in range(0, len(content), 1 << 20):
            sink.write(content[start : start + (1 << 20)])
    with suppress(RuntimeError), store.writing("half") as sink:
        sink.write(content)
        raise RuntimeError
    begun = client.create_multipart_upload(Bucket="parts", Key="x/left")

    assert store.read("big") == content
    about = client.head_object(Bucket="parts", Key="x/big")
    assert (about["ServerSideEncryption"], about["SSEKMSKeyId"]) == ("aws:kms", "k")
    assert about["ETag"].strip('"').endswith("-3")
    assert store.read("half") is None
    assert begun["UploadId"]
    assert (store.sweep("left"), store.sweep("")) == (1, 0)
    with store.open("big") as file:
        file.seek(-10, os.SEEK_END)
        assert file.read() == content[-10:]
