"""Django's database sessions, with a column that says whose each is; they end some hours after the sign-in, and when
nobody uses them.
"""

from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db.models import Q
from django.utils import timezone

from gateway.models import Session
from gateway.services.sessions import CLIENT

NOTED_EVERY = timedelta(minutes=1)


class SessionStore(db.SessionStore):
    """`SESSION_ENGINE`."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row: Any = super().create_model_instance(data)
        return _filled(row, data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        row: Any = await super().acreate_model_instance(data)
        return _filled(row, data)

    def load(self) -> dict[str, Any]:
        """One query; with a limit of being idle another one a minute, which writes the time alone, so that it
        overwrites nothing that a request beside it keeps."""
        row: Any = self._get_session_from_db()  # type: ignore[attr-defined]
        if row is None:
            return {}
        data: dict[str, Any] = self.decode(row.session_data)
        now = timezone.now()
        if _is_idle(row, now) or _left_s(data, now) <= 0:
            Session.objects.filter(session_key=row.session_key).delete()
            self._session_key = None
            return {}
        _note_use(row, now)
        return data

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    def get_session_cookie_age(self) -> int:
        """Seconds that are left, for cookie and row."""
        return max(1, _left_s(self._get_session(), timezone.now()))  # type: ignore[attr-defined]


def _filled(row: Session, data: dict[str, Any]) -> Session:
    row.user_id = data.get(SESSION_KEY)
    row.seen_at = timezone.now() if settings.SESSION_IDLE_MINUTES else None
    return row


def _left_s(data: dict[str, Any], now: datetime) -> int:
    """Of `SESSION_MAX_HOURS`; before a sign-in all of it."""
    began = (data.get(CLIENT) or {}).get("at")
    spent = int(now.timestamp()) - began if isinstance(began, int) else 0
    return int(settings.SESSION_COOKIE_AGE - spent)


def _is_idle(row: Session, now: datetime) -> bool:
    """Without a noted use its time begins now."""
    limit = timedelta(minutes=settings.SESSION_IDLE_MINUTES)
    return bool(limit) and row.seen_at is not None and now - row.seen_at >= limit


def _note_use(row: Session, now: datetime) -> None:
    if not settings.SESSION_IDLE_MINUTES or (row.seen_at is not None and now - row.seen_at < NOTED_EVERY):
        return
    unnoted = Q(seen_at=None) | Q(seen_at__lte=now - NOTED_EVERY)
    Session.objects.filter(unnoted, session_key=row.session_key).update(seen_at=now)
