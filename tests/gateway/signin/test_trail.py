"""What an organization reads in its trail of its people's sign-ins, second factors and sessions."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from gateway.models import AuditEvent, Membership, User
from gateway.services import accounts, audit, people, secondfactor, sessions
from tests import factories
from tests.gateway.signin.test_second_factor import LOGIN, code_of, enrol, sign_in

API = "/api/v1"


@pytest.fixture
def branch(bob: User) -> Any:
    """A second organization of Bob."""
    other = factories.OrganizationFactory()
    Membership.objects.create(organization=other, user=bob, role="developer")  # type: ignore[misc]
    return other


def told(verb: str) -> list[tuple[Any, Any, str]]:
    """Chain, actor and object of the events with a verb, the platform's first."""
    rows = AuditEvent.objects.filter(verb=verb).order_by("id")
    return [(row.organization_id, row.actor_id, row.object_id) for row in rows]


def fail(name: str, times: int = 10, address: str = "198.51.100.7") -> None:
    for _ in range(times):
        Client().post(LOGIN, {"username": name, "password": "wrong"}, REMOTE_ADDR=address)


def test_signing_in_is_in_the_trail_of_every_organization_of_the_person(
    company: factories.Acme, bob: User, branch: Any
) -> None:
    sign_in(bob)

    homes = sorted([company.organization.pk, branch.pk])
    assert told("user.sign_in") == [(home, bob.pk, str(bob.pk)) for home in (None, *homes)]
    events = list(AuditEvent.objects.filter(verb="user.sign_in"))
    assert {str(event.after["method"]) for event in events} == {"password"}
    assert {"127.0.0.1"} == {after["address"] for _, after in audit.reveal(events) if after}
    audit.erase_subject(bob.pk)
    assert {audit.ERASED} == {after["address"] for _, after in audit.reveal(events) if after}


def test_so_is_a_pair_of_tokens_and_no_program_that_logs_somebody_in(bob: User) -> None:
    Client().force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    assert told("user.sign_in") == []

    body = {"username": bob.username, "password": factories.PASSWORD}
    assert APIClient().post(f"{API}/auth/token", body).status_code == 200

    events = AuditEvent.objects.filter(verb="user.sign_in").exclude(organization=None)
    assert [event.after["method"] for event in events] == ["password, token"]


def test_second_factor_sessions_and_account(company: factories.Acme, alice: User, bob: User) -> None:
    secret, _ = enrol(bob)
    secondfactor.check(user=bob, code=code_of(secret))
    secondfactor.renew_codes(user=bob)
    secondfactor.remove(user=bob, actor=bob)
    enrol(bob)
    membership = Membership.objects.get(user=bob)
    secondfactor.reset_member(membership=membership, actor=alice, is_owner=True)
    sessions.end_others(user=bob, actor=bob, current_key=None)
    people.change_password(user=bob, current=factories.PASSWORD, new="an entirely new one 7")
    people.archive_user(user=bob, actor=alice)
    accounts.restore_user(user=bob, actor=alice)

    verbs = {
        "second_factor.enable": 2, "second_factor.renew_recovery_codes": 1, "second_factor.disable": 1,
        "second_factor.reset": 1, "session.end_others": 1, "user.change_password": 1, "user.archive": 1,
        "user.restore": 1,
    }  # fmt: skip
    for chain in (None, company.organization):
        rows = AuditEvent.objects.filter(organization=chain, object_id=str(bob.pk), verb__in=verbs)
        assert Counter(rows.values_list("verb", flat=True)) == verbs


def test_the_owner_reads_and_exports_it_and_nobody_elses(company: factories.Acme, alice: User, bob: User) -> None:
    stranger = factories.UserFactory()
    secondfactor.confirm(user=bob, code=code_of(secondfactor.begin(user=bob).secret))
    secondfactor.confirm(user=stranger, code=code_of(secondfactor.begin(user=stranger).secret))
    client = APIClient()
    client.force_authenticate(alice)

    listed = client.get(f"{API}/audit-events", {"verb": "second_factor.enable"}).json()
    audit.seal()
    exported = b"".join(audit.export(company.organization)).decode()

    assert [row["object_id"] for row in listed["results"]] == [str(bob.pk)]
    assert exported.count("second_factor.enable") == 1
    assert str(stranger.pk) not in exported


def test_a_name_that_nobody_has_is_kept_as_a_hash_and_locks_all_the_same(bob: User) -> None:
    typed = "my password, in the wrong field"
    fail(typed, 9)
    fail(bob.username, 1)

    kept = {row.username: str(vars(row)) for row in AccessAttempt.objects.all()}
    assert {name.partition(" ")[0] for name in kept} == {"unknown", bob.username}
    assert not any(typed in row for row in kept.values())
    assert APIClient().post(f"{API}/auth/token", {"username": typed, "password": "wrong"}).status_code == 401
    answer = Client().post(LOGIN, {"username": typed, "password": "wrong"}, REMOTE_ADDR="198.51.100.7")
    assert answer.status_code == 429


@pytest.mark.slow
def test_a_lock_is_recorded_once_while_it_lasts(company: factories.Acme, bob: User) -> None:
    fail(bob.username, 9)
    assert told("user.lock_out") == []
    fail(bob.username, 5)
    fail(bob.username, 12, address="198.51.100.8")

    assert told("user.lock_out") == [(None, None, str(bob.pk)), (company.organization.pk, None, str(bob.pk))]
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        fail(bob.username)
    assert len(told("user.lock_out")) == 4


def test_a_name_that_nobody_has_leaves_no_event(company: factories.Acme, bob: User) -> None:
    before = AuditEvent.objects.count()
    fail("my-secret-password")
    fail(bob.username.upper())

    assert AuditEvent.objects.count() == before
