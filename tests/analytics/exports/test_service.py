"""Exports from the question to the download: who sees what, once, however often it is killed."""

import csv
import io
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.test import override_settings

from analytics.exports import service
from analytics.exports.models import StoredFile, StoredPiece
from analytics.exports.service import Asked
from analytics.rollups.marks import drain_marks
from gateway.api.authentication import KeyPrincipal
from gateway.choices import Role
from gateway.models import AuditEvent, Job, Membership
from gateway.services import jobs, keys
from gateway.services.errors import Conflict, Forbidden, Gone, Invalid
from tests.factories import Acme, book_lines, line

DAY = datetime(2026, 3, 10, tzinfo=UTC)
WINDOW = {"start": "2026-03-10T00:00:00Z", "end": "2026-03-11T00:00:00Z"}
BY_TEAM = Asked("metrics", "csv", {**WINDOW, "measures": ["requests", "cost"], "dimensions": ["team"]})
LINES = Asked("usage_records", "csv", WINDOW)


@pytest.fixture
def busy(company: Acme) -> Acme:
    """Two requests of Search (bob's), one of Ads."""
    book_lines(
        line(company, at=DAY + timedelta(hours=1), end_user="=cmd|' /C calc'!A0"),
        line(company, at=DAY + timedelta(hours=2), cost=Decimal("0.5")),
        line(company, at=DAY + timedelta(hours=3), project=company.banner, cost=Decimal("2")),
    )
    drain_marks()
    return company


def ask(company: Acme, who: str, asked: Asked) -> Job:
    return service.request_export(organization=company.organization, user=company.people[who], asked=asked)


def rows_of(job: Job, user: Any) -> list[dict[str, str]]:
    job.refresh_from_db()
    _, content = service.open_export(job=job, user=user)
    return list(csv.DictReader(io.StringIO(b"".join(content).decode("utf-8-sig"))))


def test_figures_are_those_that_the_requester_sees(busy: Acme) -> None:
    wide, team, own = (ask(busy, who, BY_TEAM) for who in ("carol", "dave", "bob"))

    assert service.run_waiting() == 3

    assert [(row["team_name"], row["requests"], row["cost"]) for row in rows_of(wide, busy.people["carol"])] == [
        ("search", "2", "0.5035000000"),
        ("ads", "1", "2.0000000000"),
    ]
    assert [row["team_name"] for row in rows_of(team, busy.people["dave"])] == ["search"]
    assert [row["requests"] for row in rows_of(own, busy.people["bob"])] == ["2"]


def test_ledger_lines_are_narrowed_named_and_safe(busy: Acme) -> None:
    wide, own = ask(busy, "alice", LINES), ask(busy, "bob", LINES)

    service.run_waiting()

    found = rows_of(wide, busy.people["alice"])
    assert [(row["project_name"], row["cost"]) for row in found] == [
        ("Assistant", "0.0035000000"), ("Assistant", "0.5000000000"), ("Banner", "2.0000000000")
    ]  # fmt: skip
    assert found[0]["end_user"] == "'=cmd|' /C calc'!A0"
    assert [row["project_name"] for row in rows_of(own, busy.people["bob"])] == ["Assistant", "Assistant"]


def test_lines_are_read_in_pages_by_their_key(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.exports.datasets.records.PAGE", 1)
    job = ask(busy, "alice", LINES)

    service.run_waiting()

    assert len({row["id"] for row in rows_of(job, busy.people["alice"])}) == 3


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked("nothing", "csv", {}), "unknown_dataset"),
        (Asked("metrics", "doc", {}), "unknown_format"),
        (Asked("metrics", "csv", {**WINDOW, "measures": ["price"]}), "unknown_measure"),
        (Asked("usage_records", "csv", {**WINDOW, "nothing": "x"}), "filter_unknown"),
        (Asked("usage_records", "csv", {"start": "2026-03-10T00:00:00Z"}), "field_invalid"),
        (Asked("usage_records", "csv", {"start": WINDOW["end"], "end": WINDOW["start"]}), "empty_window"),
        (Asked("usage_records", "csv", {**WINDOW, "team": "no id"}), "field_invalid"),
        (Asked("answer", "csv", {**WINDOW, "measures": ["cost"]}), "unknown_format"),
    ],
)
def test_a_question_without_an_answer_is_refused_at_once(company: Acme, asked: Asked, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(company, "alice", asked)

    assert refused.value.code == code
    assert not Job.objects.filter(kind=service.KIND).exists()


def test_what_one_may_see_less_of_since_is_neither_made_nor_given(busy: Acme) -> None:
    waiting, done = ask(busy, "carol", BY_TEAM), ask(busy, "carol", LINES)
    service.run(jobs.claim(service.KIND, done.period, 60))  # type: ignore[arg-type]
    Membership.objects.filter(user=busy.people["carol"]).update(role=Role.DEVELOPER)

    service.run_waiting()
    waiting.refresh_from_db()
    done.refresh_from_db()

    assert (waiting.status, "has changed" in waiting.error) == ("failed", True)
    with pytest.raises(Forbidden, match="has changed"):
        service.open_export(job=done, user=busy.people["carol"])
    assert rows_of(done, busy.people["alice"])  # who sees everything may have it


def test_a_key_that_was_revoked_gets_no_file(busy: Acme) -> None:
    key = busy.keys["read"]
    done, waiting = (
        service.request_export(organization=busy.organization, user=KeyPrincipal(key), asked=BY_TEAM) for _ in "ab"
    )
    service.run(jobs.claim(service.KIND, done.period, 60))  # type: ignore[arg-type]
    keys.revoke_key(key=key, actor=None)

    service.run_waiting()
    waiting.refresh_from_db()
    done.refresh_from_db()

    assert (done.status, waiting.status) == ("succeeded", "failed")


def test_killed_half_way_it_is_made_anew_and_there_is_one_file(busy: Acme) -> None:
    job = ask(busy, "alice", LINES)
    first = jobs.claim(service.KIND, job.period, lease_s=-1)  # its process died: the lease is over
    assert first is not None

    assert service.run_waiting() == 1
    service.run(first)  # it was not dead but slow: its claim is not current any more

    job.refresh_from_db()
    assert (job.status, job.fence, StoredFile.objects.filter(job=job).count()) == ("succeeded", 2, 1)
    assert len(rows_of(job, busy.people["alice"])) == 3


def test_a_cancelled_export_leaves_no_file_whoever_has_it(busy: Acme) -> None:
    alice = busy.people["alice"]
    waiting, running = ask(busy, "alice", LINES), ask(busy, "alice", BY_TEAM)
    claimed = jobs.claim(service.KIND, running.period, 60)
    assert claimed is not None

    for job in (waiting, running):
        assert service.cancel_export(job=job, user=alice).status == "cancelled"
    service.run(claimed)  # it hears of it when it says how far it is, or at the end

    assert service.run_waiting() == 0
    assert set(Job.objects.filter(kind=service.KIND).values_list("status", "error")) == {("cancelled", "")}
    assert not StoredFile.objects.exists()
    assert AuditEvent.objects.filter(verb="export.cancel").count() == 2
    with pytest.raises(Conflict, match="It was cancelled"):
        service.open_export(job=running, user=alice)
    with pytest.raises(Conflict, match="over already"):
        service.cancel_export(job=running, user=alice)


def test_a_fault_after_it_was_cancelled_stays_quiet(busy: Acme) -> None:
    job = ask(busy, "carol", BY_TEAM)
    claimed = jobs.claim(service.KIND, job.period, 60)
    assert claimed is not None
    service.cancel_export(job=job, user=busy.people["carol"])
    Membership.objects.filter(user=busy.people["carol"]).update(role=Role.DEVELOPER)  # making it fails now

    service.run(claimed)

    job.refresh_from_db()
    assert (job.status, job.error) == ("cancelled", "")


def test_what_is_done_is_not_cancelled(busy: Acme) -> None:
    job = ask(busy, "alice", BY_TEAM)
    service.run_waiting()

    with pytest.raises(Conflict, match="over already"):
        service.cancel_export(job=job, user=busy.people["alice"])

    assert len(rows_of(job, busy.people["alice"])) == 2


def test_it_is_given_up_when_every_process_that_tries_dies(busy: Acme) -> None:
    job = ask(busy, "alice", LINES)
    for _ in range(service.MAX_TRIES):
        jobs.claim(service.KIND, job.period, lease_s=-1)

    service.run_waiting()

    job.refresh_from_db()
    assert (job.status, job.error) == (
        "failed", "Given up after 3 tries: the process that made it ended each time."
    )  # fmt: skip


def test_the_file_is_encrypted_in_pieces_and_put_together(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PIECE_BYTES", 100)
    job = ask(busy, "alice", LINES)

    service.run_waiting()

    file = StoredFile.objects.get(job=job)
    stored = [bytes(piece.data) for piece in StoredPiece.objects.filter(file=file)]
    assert len(stored) == -(-file.size_bytes // 100)
    assert not any(b"Assistant" in piece for piece in stored)
    assert len(rows_of(job, busy.people["alice"])) == 3


def test_asking_and_downloading_are_audited(busy: Acme) -> None:
    job = ask(busy, "carol", LINES)
    service.run_waiting()
    rows_of(job, busy.people["carol"])

    events = AuditEvent.objects.filter(object_id=str(job.pk)).order_by("at").values_list("verb", "actor_id")
    carol = busy.people["carol"].pk
    assert list(events) == [("export.request", carol), ("export.download", carol)]


def test_files_expire(busy: Acme) -> None:
    with override_settings(EXPORT_RETENTION_DAYS=0):
        job = ask(busy, "alice", LINES)
        service.run_waiting()

    job.refresh_from_db()
    with pytest.raises(Gone):
        service.open_export(job=job, user=busy.people["alice"])
    assert (service.purge_expired(), StoredPiece.objects.count()) == (1, 0)


def test_there_is_an_end_to_what_one_may_have_waiting(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_OPEN", 1)
    ask(busy, "bob", LINES)
    ask(busy, "carol", LINES)

    with pytest.raises(Conflict, match="not done yet"):
        ask(busy, "bob", LINES)


@pytest.mark.django_db(transaction=True)
def test_three_workers_at_once_make_each_file_once() -> None:
    from tests.factories import acme

    company = acme()
    book_lines(line(company, at=DAY))
    wanted = [ask(company, "alice", LINES) for _ in range(4)]

    def work() -> None:
        try:
            while service.run_waiting():
                pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while service.run_waiting():  # at most two run at once, so a worker may have gone home early
        pass

    assert set(Job.objects.filter(kind=service.KIND).values_list("status", "fence")) == {("succeeded", 1)}
    assert StoredFile.objects.count() == len(wanted)
    assert connection.vendor == "postgresql"
