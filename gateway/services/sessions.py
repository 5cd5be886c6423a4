"""Sessions of people: what a browser is signed in with, recent sign-ins, and ending them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gateway import credentials
from gateway.models import AuditEvent, Session, User
from gateway.services import audit, tokens
from gateway.services.audit import Actor
from gateway.useragents import words

CLIENT = "client"
"""Where a session keeps what signed in: `{"at", "address", "agent", "method"}`."""
RECENT = 10


@dataclass(frozen=True, slots=True)
class Browser:
    """One session. `address` and `agent` are as they were at the sign-in; `started_at` None: from before they were
    kept. `mark` names it without being its key. `seen_at`: last use, to a minute; None: not kept
    (`SESSION_IDLE_MINUTES`)."""

    started_at: datetime | None
    expires_at: datetime
    address: str
    agent: str
    method: str
    is_current: bool
    mark: str
    seen_at: datetime | None

    @property
    def program(self) -> str:
        """Browser and system in words."""
        return words(self.agent)


@dataclass(frozen=True, slots=True)
class SignIn:
    """One that succeeded."""

    at: datetime
    address: str
    agent: str

    @property
    def program(self) -> str:
        """Browser and system in words."""
        return words(self.agent)


def sessions_of(user: User, current_key: str | None) -> list[Browser]:
    """The person's live sessions, the current one first, then the newest. One query."""
    rows = Session.objects.filter(user_id=user.pk, expire_date__gt=timezone.now())
    if settings.SESSION_IDLE_MINUTES:
        rows = rows.exclude(seen_at__lte=timezone.now() - timedelta(minutes=settings.SESSION_IDLE_MINUTES))
    found = [_browser(row, current_key) for row in rows]
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda one: (one.is_current, one.started_at or oldest), reverse=True)


def sign_ins_of(user: User) -> list[SignIn]:
    """The last ten of the console. One query."""
    rows: Iterable[Any] = AccessLog.objects.filter(username=user.get_username()).order_by("-attempt_time")[:RECENT]
    return [SignIn(row.attempt_time, row.ip_address or "", row.user_agent) for row in rows]


@transaction.atomic
def end_others(*, user: User, actor: Actor, current_key: str | None) -> int:
    """Sign the person out everywhere else: other browsers, and every refresh token; how many browsers that were."""
    ended, _ = Session.objects.filter(user_id=user.pk).exclude(session_key=current_key or "").delete()
    tokens.revoke_all(user=user)
    audit.record_person(person=user, actor=actor, verb="session.end_others", after={"sessions": ended})
    return ended


@transaction.atomic
def end_one(*, user: User, actor: Actor, mark: str) -> bool:
    """Sign the person out of the browser with this mark (`mark_of`); False when it was out already."""
    rows = Session.objects.filter(user_id=user.pk)
    keys = [key for key in rows.values_list("session_key", flat=True) if mark_of(key) == mark]
    if not keys:
        return False
    rows.filter(session_key__in=keys).delete()
    audit.record_person(person=user, actor=actor, verb="session.end", after={"sessions": 1})
    return True


def end_all(*, user: User) -> int:
    """Sign a person out of every browser; whoever calls records why."""
    ended, _ = Session.objects.filter(user_id=user.pk).delete()
    return ended


@transaction.atomic
def record_sign_in(*, user: User, method: str, address: str) -> None:
    """A person came in, by console or for a program."""
    after = {"method": method, "address": address}
    audit.record_person(person=user, actor=user, verb="user.sign_in", after=after, personal=("address",))


@transaction.atomic
def record_lock(*, username: str, address: str) -> None:
    """Too many failed sign-ins with a name. Nothing is kept of a name that nobody has, nor of one whose lock was
    recorded within the time it lasts, so that strangers cannot fill the trail."""
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        return
    recent = AuditEvent.objects.filter(object_type="user", object_id=str(person.pk), verb="user.lock_out")
    if recent.filter(at__gt=timezone.now() - settings.AXES_COOLOFF_TIME).exists():
        return
    audit.record_person(person=person, actor=None, verb="user.lock_out", after={"address": address},
                        personal=("address",))  # fmt: skip


@transaction.atomic
def record_confirmation(*, user: User, method: str) -> None:
    """A person proved again that it is them, by `password`, `code`, `recovery code` or `sso`."""
    audit.record(organization=None, actor=user, verb="session.confirm", target=user, after={"method": method})


def _browser(row: Session, current_key: str | None) -> Browser:
    kept: dict[str, Any] = row.get_decoded().get(CLIENT) or {}
    started = datetime.fromtimestamp(kept["at"], UTC) if "at" in kept else None
    return Browser(
        started, row.expire_date, kept.get("address", ""), kept.get("agent", ""), kept.get("method", ""),
        row.session_key == current_key, mark_of(row.session_key),
        row.seen_at if settings.SESSION_IDLE_MINUTES else None,
    )  # fmt: skip


def mark_of(session_key: str) -> str:
    """What a page may show in the place of a session's key."""
    return sha256(f"session {session_key}".encode()).hexdigest()[:32]


def unknown_name(name: str) -> str:
    """What is kept of a name that nobody has, with which a sign-in failed: comparable, not readable."""
    return f"unknown {credentials.keyed_hash('sign-in name', name.encode('utf-8', 'surrogatepass')).hex()}"


def forget_sign_ins(*, user: User) -> int:
    """Delete what is kept of a person's sign-ins, with their addresses; whoever calls records why."""
    names = {user.get_username(), user.email, unknown_name(user.email)} - {""}
    kept = (AccessLog, AccessAttempt, AccessFailureLog)
    return sum(model.objects.filter(username__in=names).delete()[0] for model in kept)
