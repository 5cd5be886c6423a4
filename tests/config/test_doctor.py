"""`doctor`: what is wrong is said with its remedy, and the exit status tells."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from config import doctor, env
from config.doctor import Outcome, data, host, work
from gateway.models import Heartbeat, Job, Organization, OutboxMessage, QuarantinedLine, RetentionPolicy
from gateway.queues import Waiting


@pytest.fixture(autouse=True)
def _ask_again() -> Iterator[None]:
    """Neither does a test here use what another one heard, nor one elsewhere in this process."""
    data.unreachable.cache_clear()
    yield
    data.unreachable.cache_clear()


@pytest.fixture
def healthy(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Directories exist and the configured port is free."""
    settings.DATA_DIR = tmp_path
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.SPOOL_DIR.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("PORT", str(free.getsockname()[1]))
    return settings


def answer(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    status = 0
    try:
        call_command("doctor", "--json")
    except SystemExit as end:
        status = int(str(end.code))
    findings = json.loads(capsys.readouterr().out)["findings"]
    return status, {finding["name"]: finding for finding in findings}


@pytest.mark.django_db
def test_all_is_well(healthy: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("writer", "background"):
        Heartbeat.objects.create(name=name, at=timezone.now(), info={"lag_s": 0.1})

    status, findings = answer(capsys)

    assert status == 0
    assert {name for name, finding in findings.items() if finding["outcome"] == "failed"} == set()
    assert findings["Database"]["detail"].startswith("PostgreSQL 18.")
    assert findings["Migrations"]["detail"] == "all applied"
    assert findings["Ledger writer"]["outcome"] == "ok"
    assert len(findings) == len(doctor.CHECKS)


@pytest.mark.django_db
def test_silent_writer_and_lagging_background(healthy: Settings) -> None:
    Heartbeat.objects.create(name="writer:one", at=timezone.now(), info={"lag_s": 0.1})
    Heartbeat.objects.create(name="writer:two", at=timezone.now() - timedelta(minutes=5), info={})
    Heartbeat.objects.create(name="background:one", at=timezone.now(), info={"lag_s": 90.0})

    writer, background = data.ledger_writer(), data.background()

    assert (writer.outcome, writer.detail) == (Outcome.FAILED, "writer:two is silent for 300 s")
    assert "write_ledger" in writer.remedy
    assert (background.outcome, background.detail) == (Outcome.WARNING, "background:one is 90 s behind")


@pytest.mark.django_db
def test_how_many_writers_are_alive(healthy: Settings) -> None:
    for name, age in (("writer:one", 3), ("writer:two", 7)):
        Heartbeat.objects.create(name=name, at=timezone.now() - timedelta(seconds=age), info={"lag_s": 0.1})

    writer = data.ledger_writer()

    assert (writer.outcome, writer.detail) == (Outcome.OK, "2 are alive, the last 7 s ago")


def test_database_that_does_not_answer(healthy: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    healthy.DATABASE_DIRECT_URL = f"postgresql://gateway@/gateway?host={tmp_path}"

    status, findings = answer(capsys)

    assert status == 1
    assert findings["Database"]["outcome"] == "failed"
    assert findings["Database"]["remedy"] == "Start it with `make run`, or correct DATABASE_URL."
    assert {findings[name]["outcome"] for name in ("Migrations", "Clock", "Quarantine")} == {"skipped"}


@pytest.mark.django_db
def test_strict_takes_a_warning_for_a_failure(healthy: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    Heartbeat.objects.create(name="background", at=timezone.now(), info={"lag_s": 90.0})

    call_command("doctor", "--only", "background")
    with pytest.raises(SystemExit) as end:
        call_command("doctor", "--strict", "--only", "background")

    assert end.value.code == 1
    assert "1 of 1 checks failed." in capsys.readouterr().err


@pytest.mark.django_db
def test_strict_passes_over_what_is_switched_off_and_not_over_what_cannot_be_told(
    healthy: Settings, tmp_path: Path
) -> None:
    unused = (
        "embedded_programs", "redis_server", "queue_lag", "backup", "ledger_archive", "end_user_days", "read_replica",
    )  # fmt: skip
    healthy.REDIS_URL = ""
    healthy.DATABASE_DIRECT_URL = healthy.DATABASE_DIRECT_URL or "postgresql://elsewhere/gateway"

    assert {finding.outcome for finding in doctor.examine(unused)} == {Outcome.OFF}
    call_command("doctor", "--strict", "--only", *unused)
    healthy.DATABASE_DIRECT_URL = f"postgresql://gateway@/gateway?host={tmp_path}"
    data.unreachable.cache_clear()
    with pytest.raises(SystemExit):
        call_command("doctor", "--strict", "--only", "clock")


@pytest.mark.django_db
def test_names_that_would_outlive_their_lines_are_told(settings: Settings) -> None:
    acme, globex = (Organization.objects.create(slug=slug, name=slug) for slug in ("acme", "globex"))
    RetentionPolicy.objects.create(organization=acme, end_user_days=84)
    RetentionPolicy.objects.create(organization=globex, end_user_days=83)
    settings.LEDGER_RETENTION_DAYS = 0
    assert data.end_user_days().outcome is Outcome.OFF

    settings.LEDGER_RETENTION_DAYS = 90
    found = data.end_user_days()

    assert (found.outcome, found.detail) == (Outcome.WARNING, "kept for longer than the ledger's lines by acme")
    assert "choose 83 days at most" in found.remedy
    RetentionPolicy.objects.filter(organization=acme).delete()
    assert data.end_user_days().outcome is Outcome.OK


@pytest.mark.django_db
def test_a_line_that_was_resolved_is_no_warning() -> None:
    line = QuarantinedLine.objects.create(source="s", position="1:0", payload=b"{", reason="no JSON")
    assert (data.quarantine().outcome, data.quarantine().detail) == (Outcome.WARNING, "1 ledger lines were put aside")

    line.resolved_at = timezone.now()
    line.save()

    assert data.quarantine().outcome is Outcome.OK


@pytest.mark.django_db
def test_mails_that_wait_or_were_given_up(settings: Settings) -> None:
    now = timezone.now()
    assert (work.outbox().outcome, work.outbox().detail) == (Outcome.OK, "0 wait")
    late = OutboxMessage.objects.create(topic="mail", dedupe_key="1", payload={}, due_at=now - timedelta(minutes=5))
    assert (work.outbox().outcome, work.outbox().detail) == (Outcome.OK, "1 wait")

    late.due_at = now - timedelta(minutes=11)
    late.save()
    assert work.outbox().detail == "1 wait; the oldest is due for 660 s"
    late.dead_at = now - timedelta(hours=23)
    late.save()
    assert (work.outbox().outcome, work.outbox().detail) == (Outcome.WARNING, "1 were given up within a day")
    late.dead_at = now - timedelta(hours=25)
    late.save()
    assert work.outbox().outcome is Outcome.OK


@pytest.mark.django_db
def test_jobs_that_failed_lately() -> None:
    job = Job.objects.create(kind="analytics.export", period="1", status="failed")
    Job.objects.create(kind="analytics.export", period="2", status="succeeded")

    assert (work.failed_jobs().outcome, work.failed_jobs().detail) == (
        Outcome.WARNING, "1 failed within a day: analytics.export",
    )  # fmt: skip
    Job.objects.filter(pk=job.pk).update(updated_at=timezone.now() - timedelta(hours=25))
    assert work.failed_jobs().outcome is Outcome.OK


def test_queues_that_nobody_empties(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert work.queue_lag().outcome is Outcome.SKIPPED

    found = [Waiting("default", 2, 1.0), Waiting("scan", 7, 301.0)]
    monkeypatch.setattr(work.queues, "waiting", lambda: iter(found))
    assert (work.queue_lag().outcome, work.queue_lag().detail) == (
        Outcome.WARNING, "messages wait (scan: 7, 301 s)",
    )  # fmt: skip
    found.pop()
    assert (work.queue_lag().outcome, work.queue_lag().detail) == (Outcome.OK, "2 messages in 1 queues")


def test_public_default_secrets_fail(healthy: Settings) -> None:
    healthy.SECRET_KEY = env.INSECURE_SECRET_KEY

    finding = host.secrets()

    assert finding.outcome is Outcome.FAILED
    assert finding.detail == "SECRET_KEY: public development default"


def test_secrets_file_open_to_others_fails(healthy: Settings, tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("")
    (tmp_path / "secrets.env").chmod(0o644)

    assert host.secrets().remedy == f"chmod 600 {tmp_path / 'secrets.env'}"


def test_missing_spool_fails(healthy: Settings) -> None:
    healthy.SPOOL_DIR.rmdir()

    assert host.spool_directory().outcome is Outcome.FAILED


def test_redis_that_is_not_there(healthy: Settings) -> None:
    healthy.REDIS_URL = "redis://127.0.0.1:1/0"

    finding = host.redis_server()

    assert finding.outcome is Outcome.FAILED
    assert "REDIS_URL" in finding.remedy


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("modes", "outcome"),
    [
        ([], Outcome.SKIPPED),
        (["process"], Outcome.OK),
        (["process", "process"], Outcome.FAILED),
        (["shared", "shared"], Outcome.OK),
        (["shared", "shares"], Outcome.WARNING),
    ],
)
def test_how_rate_limits_are_shared(modes: list[str], outcome: Outcome) -> None:
    for number, mode in enumerate(modes):
        Heartbeat.objects.create(name=f"dataplane:{number}", at=timezone.now(), info={"limits": {"mode": mode}})

    assert data.rate_limits().outcome is outcome


def test_port_of_another_program(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        monkeypatch.setenv("PORT", str(other.getsockname()[1]))
        monkeypatch.setattr(host, "TIMEOUT_S", 0.2)

        finding = host.public_port()

    assert finding.outcome is Outcome.FAILED
    assert "taken by something else" in finding.detail


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> doctor.Finding:
        raise ZeroDivisionError("x")

    monkeypatch.setattr(doctor, "CHECKS", (broken,))

    assert [(finding.outcome, finding.detail) for finding in doctor.examine()] == [
        (Outcome.FAILED, "ZeroDivisionError: x")
    ]


def test_remedies_are_printed(healthy: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    healthy.SPOOL_DIR.rmdir()
    healthy.DATABASE_DIRECT_URL = ""

    with pytest.raises(SystemExit) as end:
        call_command("doctor")

    out = capsys.readouterr().out
    assert end.value.code == 1
    assert f"{healthy.SPOOL_DIR} does not exist" in out
    assert "→ Start with `make run` once" in out


@pytest.mark.django_db
def test_backups_have_an_age(settings: Settings) -> None:
    assert data.backup().outcome is Outcome.OFF

    settings.BACKUP_MAX_AGE_HOURS = 24
    assert (data.backup().outcome, data.backup().detail) == (Outcome.FAILED, "none was ever made")
    made = Heartbeat.objects.create(name="backup", at=timezone.now() - timedelta(hours=3), info={"file": "a.tar"})
    assert (data.backup().outcome, data.backup().detail) == (
        Outcome.WARNING, "a.tar, 3.0 h old; none was ever restored",
    )  # fmt: skip
    Heartbeat.objects.create(name="backup-verified", at=timezone.now())
    assert data.backup().outcome is Outcome.OK

    made.at -= timedelta(hours=22)
    made.save()
    assert data.backup().detail == "a.tar, 25.0 h old; 24 h are allowed"
    assert (data.backup().outcome, data.backup().remedy[:28]) == (Outcome.FAILED, "Run `manage.py backup --outp")
