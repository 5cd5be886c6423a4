"""The audit trail: in the transaction of the change, chained, tamper-evident, erasable."""

import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from gateway.models import AuditEvent, SubjectKey
from gateway.services import audit, identity, people
from tests import factories


@pytest.fixture
def organization(db: None) -> Any:
    return identity.create_organization(actor=None, slug="acme", name="Acme")


def tamper(sql: str, *values: Any) -> None:
    """Change stored events as someone with the database in their hands would, past the guard."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # ALTER TABLE refuses while deferred checks wait
        cursor.execute("ALTER TABLE gateway_auditevent DISABLE TRIGGER audit_guard")
        cursor.execute(sql, values)
        cursor.execute("ALTER TABLE gateway_auditevent ENABLE TRIGGER audit_guard")


def rename(organization: Any, *names: str) -> None:
    for name in names:
        identity.update_organization(organization=organization, actor=None, name=name)


@pytest.mark.django_db(transaction=True)
def test_record_refuses_to_run_outside_a_transaction() -> None:
    organization = factories.OrganizationFactory()

    with pytest.raises(RuntimeError):
        audit.record(organization=organization, actor=None, verb="x.y", target=organization)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_leaves_no_event() -> None:
    organization = identity.create_organization(actor=None, slug="acme", name="Acme")
    before = AuditEvent.objects.count()

    with transaction.atomic():
        rename(organization, "Acme Ltd")
        transaction.set_rollback(True)

    assert AuditEvent.objects.count() == before


def test_only_what_changed_is_recorded(organization: Any) -> None:
    identity.update_organization(organization=organization, actor=None, name="Acme Ltd", currency="USD")

    event = AuditEvent.objects.get(verb="organization.update")
    assert (event.before, event.after) == ({"name": "Acme"}, {"name": "Acme Ltd"})


def test_sealing_links_every_event_once(organization: Any) -> None:
    rename(organization, "A", "B", "C")

    sealed = audit.seal()

    assert sealed == AuditEvent.objects.count()
    assert audit.seal() == 0
    assert audit.verify(organization).is_intact
    sequences = AuditEvent.objects.filter(organization=organization).order_by("id").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, 6))  # organization and default project created, three renames


def test_the_head_hash_of_an_empty_chain_is_the_genesis(organization: Any) -> None:
    outcome = audit.verify(organization)

    assert (outcome.is_intact, outcome.sealed, outcome.unsealed, outcome.head_hash) == (True, 0, 2, "00" * 32)


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ('UPDATE gateway_auditevent SET after = \'{"name": "Z"}\' WHERE sequence = 4', "was changed after"),
        ("UPDATE gateway_auditevent SET verb = 'x' WHERE sequence = 4", "was changed after"),
        ("UPDATE gateway_auditevent SET at = at + interval '1 microsecond' WHERE sequence = 4", "was changed after"),
        ("UPDATE gateway_auditevent SET actor_key_id = id WHERE sequence = 4", "was changed after"),
        ("DELETE FROM gateway_auditevent WHERE sequence = 4", "is missing"),
        ("UPDATE gateway_auditevent SET previous_hash = hash WHERE sequence = 4", "does not point"),
    ],
)
def test_tampering_shows_and_where(sql: str, problem: str, organization: Any) -> None:
    rename(organization, "A", "B", "C")
    audit.seal()
    assert audit.verify(organization).is_intact

    tamper(sql)

    outcome = audit.verify(organization)
    assert (outcome.is_intact, outcome.broken_at) == (False, 4)
    assert problem in outcome.problem


def test_a_cut_off_end_shows_in_the_head_hash(organization: Any) -> None:
    rename(organization, "A", "B")
    audit.seal()
    kept = audit.verify(organization).head_hash

    tamper("DELETE FROM gateway_auditevent WHERE sequence = 4")

    outcome = audit.verify(organization)
    assert outcome.is_intact  # what is left is a chain,
    assert outcome.head_hash != kept  # which is why the head is kept elsewhere


@pytest.mark.parametrize("sql", ["UPDATE gateway_auditevent SET verb = 'x'", "DELETE FROM gateway_auditevent"])
def test_the_database_refuses_changes(sql: str, organization: Any) -> None:
    audit.seal()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_chains_are_separate(organization: Any) -> None:
    other = identity.create_organization(actor=None, slug="globex", name="Globex")
    audit.seal()

    tamper("DELETE FROM gateway_auditevent WHERE organization_id = %s AND sequence = 1", other.pk)

    assert audit.verify(organization).is_intact
    assert not audit.verify(other).is_intact


def test_personal_values_are_ciphertext_and_readable_until_erased(organization: Any) -> None:
    invitation = people.invite(organization=organization, actor=None, email="eve@example.com", role="analyst")
    audit.seal()
    event = AuditEvent.objects.get(verb="invitation.create")

    assert "eve@example.com" not in str(event.after)
    assert audit.reveal([event])[0][1] == {"email": "eve@example.com", "role": "analyst", "team": None}

    assert audit.erase_subject(invitation.pk)

    assert audit.reveal([event])[0][1] == {"email": audit.ERASED, "role": "analyst", "team": None}
    assert audit.verify(organization).is_intact  # the hash covers the ciphertext


def test_erasing_a_person_keeps_the_chain_and_the_ids(db: None) -> None:
    company = factories.acme()
    carol = company.people["carol"]
    people.update_profile(user=carol, first_name="Caroline")
    audit.seal()

    people.archive_user(user=carol, actor=None)
    people.erase_user(user=carol, actor=None)
    audit.seal()

    carol.refresh_from_db()
    assert (carol.username, carol.email, carol.first_name) == (f"erased-{carol.pk}", "", "")
    assert not SubjectKey.objects.filter(subject_id=carol.pk).exists()
    stored = " ".join(str(values) for values in AuditEvent.objects.values_list("before", "after"))
    assert "Caroline" not in stored
    revealed = audit.reveal(AuditEvent.objects.filter(object_id=str(carol.pk), verb="user.update"))
    assert revealed == [({"first_name": audit.ERASED}, {"first_name": audit.ERASED})]
    assert audit.verify(company.organization).is_intact
    assert audit.verify(None).is_intact


@pytest.mark.django_db(transaction=True)
def test_two_sealers_make_one_chain() -> None:
    organization = identity.create_organization(actor=None, slug="acme", name="Acme")
    rename(organization, *(f"name {n}" for n in range(40)))
    sealed: list[int] = []

    def run() -> None:
        sealed.append(audit.seal())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(sealed) == 42
    assert audit.verify(organization).is_intact
    assert audit.verify(organization).sealed == 42


def test_the_request_id_of_the_logs_is_recorded(organization: Any) -> None:
    import structlog

    with structlog.contextvars.bound_contextvars(request_id="req_abc"):
        rename(organization, "A")

    assert AuditEvent.objects.get(verb="organization.update").request_id == "req_abc"
