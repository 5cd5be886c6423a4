"""The command: all parts in one report, and its exit status."""

import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config.demo.seed import seed
from gateway.models import AuditEvent, KeySpend
from gateway.services import audit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _demo() -> None:
    seed(days=1, until=datetime(2026, 11, 1, 3, tzinfo=UTC))
    audit.seal()


def report(capsys: pytest.CaptureFixture[str], **options: object) -> dict:
    call_command("verify_ledger", json=True, **options)
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_everything_agrees(capsys):
    found = report(capsys)

    assert found["ok"] is True
    names = [check["name"] for check in found["checks"]]
    assert names[-2:] == ["rollups = ledger", "audit chain intact"]
    assert len(names) == 18
    assert {check["status"] for check in found["checks"]} == {"ok"}
    assert report(capsys, organization="demo")["ok"] is True


@pytest.mark.slow
def test_text_for_people(capsys):
    call_command("verify_ledger")

    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "All 18 checks passed."
    assert any(line.startswith("  ok      spend of keys = their lines: ") for line in lines)


@pytest.mark.slow
def test_a_wrong_sum_fails(capsys):
    KeySpend.objects.filter(pk=KeySpend.objects.first().pk).update(spent=1)

    with pytest.raises(CommandError, match="1 of 18 checks failed: spend of keys = their lines"):
        call_command("verify_ledger", json=True)

    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.slow
def test_a_rollup_that_drifted_fails(capsys):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'analytics\\_%day' AND relkind = 'r' LIMIT 1")
        table = cursor.fetchone()[0]
        cursor.execute(f"UPDATE {table} SET input_tokens = input_tokens + 1")

    with pytest.raises(CommandError, match="checks failed: rollups = ledger"):
        call_command("verify_ledger")

    assert table in capsys.readouterr().out


@pytest.mark.slow
def test_a_changed_audit_event_fails():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE gateway_auditevent DISABLE TRIGGER audit_guard")
        AuditEvent.objects.exclude(sequence=None).update(verb="nothing.happened")
        cursor.execute("ALTER TABLE gateway_auditevent ENABLE TRIGGER audit_guard")

    with pytest.raises(CommandError, match="checks failed: audit chain intact"):
        call_command("verify_ledger")


@pytest.mark.slow
def test_an_unknown_organization():
    with pytest.raises(CommandError, match="no organization 'nobody'"):
        call_command("verify_ledger", organization="nobody")
