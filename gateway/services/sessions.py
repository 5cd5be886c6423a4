"""Sessions of people: what a browser is signed in with, recent sign-ins, and ending them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.db import transaction
from django.utils import timezone

from gateway.models import Session, User
from gateway.services import audit, tokens
from gateway.services.audit import Actor

CLIENT = "client"
"""Where a session keeps what signed in: `{"at", "address", "agent", "method"}`."""
RECENT = 10


@dataclass(frozen=True, slots=True)
class Browser:
    """One session. `address` and `agent` are as they were at the sign-in; `started_at` None: from before they were
    kept."""

    started_at: datetime | None
    expires_at: datetime
    address: str
    agent: str
    method: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class SignIn:
    """One that succeeded."""

    at: datetime
    address: str
    agent: str


def sessions_of(user: User, current_key: str | None) -> list[Browser]:
    """The person's live sessions, the current one first, then the newest. One query."""
    rows = Session.objects.filter(user_id=user.pk, expire_date__gt=timezone.now())
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
    audit.record(organization=None, actor=actor, verb="session.end_others", target=user, after={"sessions": ended})
    return ended


def end_all(*, user: User) -> int:
    """Sign a person out of every browser; whoever calls records why."""
    ended, _ = Session.objects.filter(user_id=user.pk).delete()
    return ended


@transaction.atomic
def record_confirmation(*, user: User, method: str) -> None:
    """A person proved again that it is them, by `password`, `code`, `recovery code` or `sso`."""
    audit.record(organization=None, actor=user, verb="session.confirm", target=user, after={"method": method})


def _browser(row: Session, current_key: str | None) -> Browser:
    kept: dict[str, Any] = row.get_decoded().get(CLIENT) or {}
    started = datetime.fromtimestamp(kept["at"], UTC) if "at" in kept else None
    return Browser(
        started, row.expire_date, kept.get("address", ""), kept.get("agent", ""), kept.get("method", ""),
        row.session_key == current_key,
    )  # fmt: skip


def forget_sign_ins(*, user: User) -> int:
    """Delete what is kept of a person's sign-ins, with their addresses; whoever calls records why."""
    names = {user.get_username(), user.email} - {""}
    return sum(model.objects.filter(username__in=names).delete()[0] for model in (AccessLog, AccessAttempt))
