"""Mails of a locked statement to whom its cost centres belong: each centre's owner, and the managers of its team.

Everybody gets one mail, with what their own cost centres are charged, and nothing of the others'.
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from analytics.reports.recipients import DEMO
from costs.allocation import documents
from costs.models import CostCenter, Statement, StatementStatus
from gateway.choices import Role
from gateway.models import Membership, User
from gateway.services import audit, mailing, outbox
from gateway.services.audit import Actor
from gateway.services.errors import Conflict

TOPIC = "statement"
FORMATS = ["pdf", "xlsx"]


@transaction.atomic
def mail_statement(*, statement: Statement, actor: Actor) -> int:
    """Put the mails into the outbox; returns to how many people they go. Whoever has had the statement by mail is not
    sent it again, so a repeat reaches new owners and managers alone. Raises `Conflict` for a draft, a demo, and a
    statement whose cost centres belong to nobody with an address."""
    row = Statement.objects.select_for_update(of=("self",)).select_related("organization").get(pk=statement.pk)
    if row.status != StatementStatus.LOCKED:
        raise Conflict("statement_draft", "Only a locked statement is mailed.")
    if row.organization.is_demo:
        raise Conflict("demo", DEMO)
    people = addressees(row)
    if not people:
        message = "Its cost centres have no owner, and their teams no manager, with an e-mail address."
        raise Conflict("nobody_to_mail", message)
    for person in people:
        payload = {"statement": str(row.pk), "user": str(person.pk)}
        outbox.enqueue(topic=TOPIC, dedupe_key=mail_key(row, person), payload=payload)
    audit.record(
        organization=row.organization, actor=actor, verb="statement.mail", target=row, after={"people": len(people)}
    )
    return len(people)


def addressees(statement: Statement) -> list[User]:
    """Members with an address who own a charged cost centre or manage its team, by address. One query."""
    charged = CostCenter.objects.filter(pk__in=_charged(statement))
    named = Q(user__in=charged.values("owner")) | Q(role=Role.MANAGER, team__in=charged.values("team"))
    members = Membership.objects.filter(
        named, organization=statement.organization_id, archived_at=None, user__is_active=True
    ).exclude(user__email="")  # fmt: skip
    return list(User.objects.filter(pk__in=members.values("user")).order_by("email"))


def mail_key(statement: Statement, person: User) -> str:
    """Of statement and address; also the Message-ID."""
    who = hashlib.sha256(person.email.lower().encode()).hexdigest()[:16]
    return f"statement.{statement.pk.hex}.{who}"


def deliver(dedupe_key: str, payload: Mapping[str, Any]) -> None:
    """The outbox's handler: one mail, with what its reader may see now; nothing for who has left or owns nothing of it
    any more. Raises when the server does not take it."""
    related = ("items__cost_center", "corrections__cost_center", "corrections__corrects")
    rows = Statement.objects.select_related("organization").prefetch_related(*related)
    statement = rows.filter(pk=payload["statement"]).first()
    person = User.objects.filter(pk=payload["user"], is_active=True).exclude(email="").first()
    if statement is None or person is None:
        return
    centers = own_centers(statement, person)
    if centers:
        mailing.send(_mail(statement, person, centers, dedupe_key))


def own_centers(statement: Statement, person: User) -> set[UUID]:
    """Of the charged cost centres those that are the person's: as their owner, or as manager of their team."""
    own = Q(owner=person) | Q(
        team__in=Membership.objects.filter(
            user=person, role=Role.MANAGER, archived_at=None, organization=statement.organization_id
        ).values("team")
    )  # fmt: skip
    visible = CostCenter.objects.visible_to(person).filter(own, pk__in=_charged(statement))
    return set(visible.values_list("pk", flat=True))


def _charged(statement: Statement) -> set[UUID]:
    items = statement.items.values_list("cost_center_id", flat=True)
    return {*items, *(pk for pk in statement.corrections.values_list("cost_center_id", flat=True) if pk is not None)}


def _mail(statement: Statement, person: User, centers: set[UUID], key: str) -> EmailMessage:
    rows, total, _ = documents.charged_rows(statement, centers)
    charges = [f"{code} {name}: {charged:,.2f} {statement.currency}" for code, name, _, _, charged, _ in rows]
    owner = mailing.one_line(statement.organization.name)
    lines = [
        f"{owner}: what your cost centres are charged for {statement.month:%B %Y}.", "",
        *map(mailing.one_line, charges), "",
        f"In all: {total:,.2f} {statement.currency}", documents.state_words(statement), "",
        f"In the console: {settings.CONSOLE_URL}{reverse('admin:allocation')}",
    ]  # fmt: skip
    subject = f"Statement {statement.month:%B %Y} · {statement.organization.name}"
    headers = {"Message-ID": mailing.message_id(key), "Auto-Submitted": "auto-generated"}
    mail = EmailMessage(mailing.one_line(subject), "\n".join(lines) + "\n", to=[person.email], headers=headers)
    for made in documents.files(statement, FORMATS, centers):
        mail.attach(made.name, made.content, made.content_type)
    return mail
