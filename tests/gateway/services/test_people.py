"""Roles, invitations, passwords, leaving; mail through a real SMTP server."""

import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import connection
from django.utils import timezone

from gateway.choices import Role
from gateway.models import Membership, OutboxMessage, User
from gateway.services import keys, outbox, people, tokens
from gateway.services.errors import Conflict, Forbidden, Invalid, NotFound
from tests import factories


class Mailbox:
    """Keeps what arrives; answers `refuse` first when set."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.refuse = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return self.refuse
        self.messages.append(envelope)
        return "250 OK"

    def text(self, index: int = -1) -> str:
        return self.messages[index].content.decode()


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    yield box
    controller.stop()


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


def test_an_invited_person_joins_with_the_mailed_link(company: factories.Acme, mailbox: Mailbox) -> None:
    OutboxMessage.objects.all().delete()
    invitation = people.invite(
        organization=company.organization, actor=company.people["adam"], email="Zoe@example.com", role=Role.DEVELOPER
    )

    assert outbox.relay() == outbox.Relayed(delivered=1)

    assert mailbox.messages[0].rcpt_tos == ["Zoe@example.com"]
    assert f"Message-ID: <invitation-{invitation.pk}@" in mailbox.text()
    found = re.search(r"/invitations/([\w-]{43})/", mailbox.text().replace("=\r\n", ""))
    assert found is not None
    membership = people.accept_invitation(token=found[1], password=factories.PASSWORD, first_name="Zoe")
    assert (membership.user.username, membership.role) == ("zoe@example.com", Role.DEVELOPER)
    with pytest.raises(NotFound):
        people.accept_invitation(token=found[1], password=factories.PASSWORD)


def test_nothing_readable_about_a_mail_is_stored(company: factories.Acme, mailbox: Mailbox) -> None:
    OutboxMessage.objects.all().delete()
    people.invite(organization=company.organization, actor=None, email="zoe@example.com", role=Role.DEVELOPER)
    message = OutboxMessage.objects.get()

    assert "zoe" not in str(message.payload)
    outbox.relay()
    message.refresh_from_db()
    assert message.payload == {}


def test_a_refused_mail_is_tried_again_later_and_given_up_in_the_end(company: factories.Acme, mailbox: Mailbox) -> None:
    OutboxMessage.objects.all().delete()
    message = outbox.enqueue_mail(to="a@example.com", subject="s", text="t", dedupe_key="one")
    mailbox.refuse = "451 try later"

    assert outbox.relay() == outbox.Relayed(failed=1)
    message.refresh_from_db()
    assert (message.attempts, message.delivered_at, message.dead_at) == (1, None, None)
    assert 3 < (message.due_at - timezone.now()).total_seconds() <= 6
    assert outbox.relay() == outbox.Relayed()  # not due yet

    OutboxMessage.objects.update(attempts=outbox.MAX_ATTEMPTS - 1, due_at=timezone.now())
    assert outbox.relay() == outbox.Relayed(dead=1)

    mailbox.refuse = ""
    message.refresh_from_db()
    outbox.retry(message=message)
    assert outbox.relay() == outbox.Relayed(delivered=1)
    assert len(mailbox.messages) == 1


def test_delays_double_up_to_an_hour() -> None:
    assert 4 <= outbox.delay_s(1) <= 6
    assert 8 <= outbox.delay_s(2) <= 12
    assert outbox.delay_s(60) <= 3600


def test_the_same_key_is_one_message(db: None) -> None:
    for _ in range(2):
        outbox.enqueue_mail(to="a@example.com", subject="s", text="t", dedupe_key="same")

    assert OutboxMessage.objects.filter(dedupe_key="same").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_relays_deliver_each_message_once(mailbox: Mailbox) -> None:
    for n in range(12):
        outbox.enqueue_mail(to=f"p{n}@example.com", subject="s", text="t", dedupe_key=f"mail-{n}")

    def run() -> None:
        outbox.relay()
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(m.rcpt_tos[0] for m in mailbox.messages) == sorted(f"p{n}@example.com" for n in range(12))


def test_a_password_is_reset_once_and_ends_every_token(company: factories.Acme, mailbox: Mailbox) -> None:
    bob = company.people["bob"]
    bob.set_password(factories.PASSWORD)
    bob.save()
    pair = tokens.issue(user=bob)
    OutboxMessage.objects.all().delete()

    people.request_password_reset(email="BOB@acme.example")
    people.request_password_reset(email="nobody@acme.example")
    outbox.relay()

    assert len(mailbox.messages) == 1
    found = re.search(r"/admin/reset/([\w-]+)/([\w-]+)/", mailbox.text().replace("=\r\n", ""))
    assert found is not None
    people.reset_password(uid=found[1], token=found[2], new="an entirely new one 7")
    bob.refresh_from_db()
    assert bob.check_password("an entirely new one 7")
    with pytest.raises(tokens.InvalidToken):
        tokens.rotate(refresh=pair.refresh)
    with pytest.raises(NotFound):
        people.reset_password(uid=found[1], token=found[2], new="and another one 8")
    outbox.relay()
    assert len(mailbox.messages) == 2
    assert "Subject: Your password was set anew with a mailed link - LLM Gateway" in mailbox.text()


def test_weak_passwords_are_refused(company: factories.Acme) -> None:
    bob = company.people["bob"]
    bob.set_password(factories.PASSWORD)
    bob.save()

    with pytest.raises(Invalid, match="short"):
        people.change_password(user=bob, current=factories.PASSWORD, new="short")
    with pytest.raises(Invalid):
        people.change_password(user=bob, current="wrong", new="an entirely new one 7")


def test_a_refresh_token_works_once_and_never_for_the_archived(company: factories.Acme) -> None:
    bob = company.people["bob"]
    first = tokens.issue(user=bob)

    second = tokens.rotate(refresh=first.refresh)
    with pytest.raises(tokens.InvalidToken):
        tokens.rotate(refresh=first.refresh)

    people.archive_user(user=bob, actor=None)
    with pytest.raises(tokens.InvalidToken):
        tokens.rotate(refresh=second.refresh)


def test_archiving_revokes_the_persons_keys(company: factories.Acme) -> None:
    assert keys.authenticate(company.secrets["bob"]) is not None

    people.archive_user(user=company.people["bob"], actor=None)

    assert keys.authenticate(company.secrets["bob"]) is None


def test_only_owners_make_and_unmake_owners(company: factories.Acme) -> None:
    alice, bob = company.members["alice"], company.members["bob"]

    with pytest.raises(Forbidden):
        people.change_role(membership=bob, actor=None, role=Role.OWNER, team=None)
    with pytest.raises(Forbidden):
        people.remove_member(membership=alice, actor=None)
    with pytest.raises(Conflict):
        people.remove_member(membership=alice, actor=None, may_grant_owner=True)  # the last one

    people.change_role(membership=bob, actor=None, role=Role.OWNER, team=None, may_grant_owner=True)
    people.remove_member(membership=alice, actor=None, may_grant_owner=True)
    alice.refresh_from_db()
    assert alice.archived_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_leave_at_the_same_time() -> None:
    company = factories.acme()
    people.change_role(membership=company.members["bob"], actor=None, role=Role.OWNER, team=None, may_grant_owner=True)
    outcomes: list[str] = []

    def leave(name: str) -> None:
        try:
            people.remove_member(membership=company.members[name], actor=None, may_grant_owner=True)
            outcomes.append("left")
        except Conflict as error:
            outcomes.append(error.code)
        connection.close()

    threads = [threading.Thread(target=leave, args=(name,)) for name in ("alice", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["last_owner", "left"]
    assert Membership.objects.filter(organization=company.organization, role=Role.OWNER, archived_at=None).count() == 1


def test_leaving_revokes_keys_and_coming_back_is_possible(company: factories.Acme) -> None:
    people.remove_member(membership=company.members["bob"], actor=None)
    assert keys.authenticate(company.secrets["bob"]) is None

    again = people.add_member(
        organization=company.organization, actor=None, user=company.people["bob"], role=Role.ANALYST
    )

    assert (again.pk, again.role, again.archived_at) == (company.members["bob"].pk, Role.ANALYST, None)


def test_an_account_with_the_address_must_sign_in_to_accept(company: factories.Acme) -> None:
    User.objects.filter(pk=company.people["mallory"].pk).update(email="eve@example.com")
    people.withdraw_invitation(invitation=company.invitation, actor=None)
    OutboxMessage.objects.all().delete()
    people.invite(organization=company.organization, actor=None, email="eve@example.com", role=Role.ANALYST)
    message = OutboxMessage.objects.get()
    text = outbox._opened(message)["text"]
    token = re.search(r"/invitations/([\w-]{43})/", text)
    assert token is not None

    with pytest.raises(Conflict, match="sign in"):
        people.accept_invitation(token=token[1], password=factories.PASSWORD)
    joined = people.accept_invitation(token=token[1], user=company.people["mallory"])

    assert joined.organization == company.organization
