"""Forgetting and keeping, as callers of the management API ask for them; the audit trail as a file."""

import hashlib
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from rest_framework.test import APIClient

from gateway import auditchain
from gateway.models import AuditEvent, EndUserErasure, RetentionPolicy
from gateway.services import audit, erasure, identity
from tests import factories

Caller = Callable[[str], APIClient]
API = "/api/v1"


def rename(organization: Any, *names: str) -> None:
    for name in names:
        identity.update_organization(organization=organization, actor=None, name=name)


def test_an_end_user_is_looked_for_erased_and_gone(company: factories.Acme, caller: Caller) -> None:
    factories.book_lines(factories.line(company, end_user="customer-17"))
    adam = caller("admin")

    before = adam.post(f"{API}/end-user-erasures/look", {"end_user": "customer-17"}, format="json").json()
    made = adam.post(f"{API}/end-user-erasures", {"end_user": "customer-17"}, format="json")
    erasure.run_waiting()

    assert (before["lines"], before["erasures"], before["first_at"]) == (1, 0, before["last_at"])
    assert (made.status_code, made.json()["status"]) == (202, "queued")
    assert "customer-17" not in made.content.decode()
    done = adam.get(f"{API}/end-user-erasures/{made.json()['id']}").json()
    assert (done["status"], done["requested_by"]) == ("succeeded", str(company.people["adam"].pk))
    assert {"what": "ledger_lines", "rows": 1} in done["found"]
    after = adam.post(f"{API}/end-user-erasures/look", {"end_user": "customer-17"}, format="json").json()
    assert after == {"lines": 0, "first_at": None, "last_at": None, "erasures": 1}
    records = adam.get(f"{API}/usage-records").json()["results"]
    assert [one["end_user"] for one in records] == [done["pseudonym"]]


@pytest.mark.parametrize(
    ("name", "code"), [("", "blank"), ("erased-00", "end_user_invalid"), ("x" * 2_001, "max_length")]
)
def test_what_is_no_name_is_refused(company: factories.Acme, caller: Caller, name: str, code: str) -> None:
    answer = caller("admin").post(f"{API}/end-user-erasures", {"end_user": name}, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    assert not EndUserErasure.objects.exists()


def test_days_are_set_one_by_one(company: factories.Acme, caller: Caller) -> None:
    adam = caller("admin")
    assert adam.get(f"{API}/retention").json() == {"end_user_days": None, "export_days": None}

    adam.patch(f"{API}/retention", {"end_user_days": 90}, format="json")
    answer = adam.patch(f"{API}/retention", {"export_days": 3}, format="json")

    assert answer.json() == {"end_user_days": 90, "export_days": 3}
    events = AuditEvent.objects.filter(verb="retention.update").order_by("id")
    assert [event.after for event in events] == [{"end_user_days": 90}, {"export_days": 3}]
    refused = adam.patch(f"{API}/retention", {"end_user_days": 0}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "end_user_days")
    refused = adam.patch(f"{API}/retention", {"end_user_days": 36_501}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "end_user_days")
    assert RetentionPolicy.objects.get().end_user_days == 90


def test_names_are_not_kept_until_their_lines_have_left_the_ledger(
    company: factories.Acme, caller: Caller, settings: Settings
) -> None:
    """Who was not seen for long is looked for in the ledger alone."""
    adam = caller("admin")
    settings.LEDGER_RETENTION_DAYS = 90

    refused = adam.patch(f"{API}/retention", {"end_user_days": 84}, format="json")
    taken = adam.patch(f"{API}/retention", {"end_user_days": 83}, format="json")

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["field"], error["code"]) == (400, "end_user_days", "end_user_days_too_many")
    assert "Choose 83 days at most" in error["message"]
    assert taken.json()["end_user_days"] == 83
    settings.LEDGER_RETENTION_DAYS = 30  # what was chosen before stays, and does not stand in the way of the rest
    assert adam.patch(f"{API}/retention", {"export_days": 3}, format="json").status_code == 200
    assert adam.patch(f"{API}/retention", {"end_user_days": None}, format="json").json()["end_user_days"] is None


def test_the_list_of_erasures_takes_as_many_queries_for_many(
    company: factories.Acme, caller: Caller, django_assert_num_queries: Any
) -> None:
    for number in range(12):
        erasure.erase_end_user(organization=company.organization, end_user=f"customer-{number}", actor=None)
    adam = caller("admin")
    adam.get(f"{API}/end-user-erasures")

    with django_assert_num_queries(5):
        assert adam.get(f"{API}/end-user-erasures").json()["count"] == 12


def test_the_trail_is_a_file_that_anybody_can_check(company: factories.Acme, caller: Caller, tmp_path: Path) -> None:
    rename(company.organization, "A", "Bücher & Co", "C")
    audit.seal()
    sealed = AuditEvent.objects.filter(organization=company.organization).count()

    answer = caller("admin").get(f"{API}/audit-events/export")
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]

    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/x-ndjson", "private, no-store")
    lines = content.decode().splitlines()
    assert len(lines) == sealed
    previous = "00" * 32  # by hand, as the documentation says it
    for text in lines:
        line = json.loads(text)
        assert line.pop("previous_hash") == previous
        own = line.pop("hash")
        canonical = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(bytes.fromhex(previous) + canonical.encode()).hexdigest()
        assert own == previous
    assert audit.verify(company.organization).head_hash == previous
    assert AuditEvent.objects.filter(verb="audit.export").get().actor == company.people["adam"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda lines: [*lines[:2], lines[2].replace('"C"', '"D"'), *lines[3:]], "Event 3 was changed"),
        (lambda lines: [lines[0], *lines[2:]], "Event 2 is missing"),
        (lambda lines: lines[1:], "Event 1 is missing"),
        (lambda lines: [lines[0], "{", *lines[2:]], "Line 2 cannot be read"),
        (lambda lines: [lines[0], "[]", *lines[2:]], "Line 2 cannot be read"),
    ],
)
def test_a_file_that_was_changed_is_not_believed(db: None, change: Any, problem: str) -> None:
    organization = identity.create_organization(actor=None, slug="acme", name="Acme")
    rename(organization, "C")
    audit.seal()
    lines = [line.decode() for line in audit.export(organization)]
    assert auditchain.walk(lines) == auditchain.Walked(3, audit.verify(organization).head_hash, "")

    assert problem in auditchain.walk(change(lines)).problem


def test_the_command_writes_and_checks_the_file(db: None, tmp_path: Path) -> None:
    organization = identity.create_organization(actor=None, slug="acme", name="Acme")
    audit.seal()
    path, out = tmp_path / "audit.jsonl", StringIO()

    call_command("audit_chain", "export", str(path), organization="acme", stdout=out)
    head = audit.verify(organization).head_hash

    assert out.getvalue() == f"2 events, intact; head {head}\n"
    call_command("audit_chain", "verify", str(path), head=head, stdout=out)
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    with pytest.raises(CommandError, match="its end was cut off"):
        call_command("audit_chain", "verify", str(path), head=head, stdout=out)
    with pytest.raises(CommandError, match="No such file"):
        call_command("audit_chain", "verify", str(tmp_path / "none"), stdout=out)


def test_files_that_are_no_trail_are_refused_and_none_is_lost(company: factories.Acme, tmp_path: Path) -> None:
    path, out = tmp_path / "audit.jsonl", StringIO()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="it is not UTF-8"):
        call_command("audit_chain", "verify", str(path), stdout=out)
    path.write_text("")
    with pytest.raises(CommandError, match="holds no event"):
        call_command("audit_chain", "verify", str(path), stdout=out)
    with pytest.raises(CommandError, match="No such file"):
        call_command("audit_chain", "export", str(tmp_path / "none" / "audit.jsonl"), organization="acme", stdout=out)
    path.write_text("kept")
    with pytest.raises(CommandError, match="No organization"):
        call_command("audit_chain", "export", str(path), organization="nobody", stdout=out)
    assert path.read_text() == "kept"

    identity.archive_organization(organization=company.organization, actor=None)
    call_command("audit_chain", "export", str(path), organization="acme", stdout=out)

    assert (path.stat().st_mode & 0o777, [one.name for one in tmp_path.iterdir()]) == (0o600, ["audit.jsonl"])


def test_the_command_erases(company: factories.Acme) -> None:
    factories.book_lines(factories.line(company, end_user="customer-17"))
    out = StringIO()

    call_command("erase_end_user", "customer-17", "--organization", "acme", "--dry-run", stdout=out)
    call_command("erase_end_user", "customer-17", "--organization", "acme", "--json", stdout=out)

    said = out.getvalue().splitlines()
    made = EndUserErasure.objects.get()
    assert said[0] == "1 ledger lines"
    assert json.loads(said[1]) == {"lines": 1, "id": str(made.pk), "pseudonym": made.pseudonym}
    with pytest.raises(CommandError, match="pseudonym"):
        call_command("erase_end_user", "erased-1", "--organization", "acme", stdout=out)
