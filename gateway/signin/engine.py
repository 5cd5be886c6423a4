"""Django's database sessions, with a column that says whose each is."""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

from gateway.models import Session


class SessionStore(db.SessionStore):
    """`SESSION_ENGINE`."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row: Any = super().create_model_instance(data)
        row.user_id = data.get(SESSION_KEY)
        return row

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        row: Any = await super().acreate_model_instance(data)
        row.user_id = data.get(SESSION_KEY)
        return row
