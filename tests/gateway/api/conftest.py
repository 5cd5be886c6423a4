"""Callers of the management API, one per role, authenticated the way they really are."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from tests import factories

PEOPLE = {
    "developer": "bob", "analyst": "carol", "manager": "dave", "admin": "adam", "owner": "alice", "superuser": "root",
    "mallory": "mallory",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _fresh_throttles() -> None:
    cache.clear()


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


Caller = Callable[[str], APIClient]


@pytest.fixture
def caller(company: factories.Acme) -> Caller:
    """`caller("admin")`: a client as that role; `key_read` and `key_write` are management keys."""
    return lambda role: client_of(company, role)


def client_of(company: factories.Acme, role: str) -> APIClient:
    """Somebody of the company, with a session or a key."""
    client = APIClient(raise_request_exception=False)
    if role in ("key_read", "key_write"):
        secret = company.secrets[role.removeprefix("key_")]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    elif role != "anonymous":
        client.force_login(company.people[PEOPLE[role]], backend="django.contrib.auth.backends.ModelBackend")
        if role == "superuser":
            client.credentials(HTTP_X_ORGANIZATION="acme")
    return client


def body_of(response: Any) -> Any:
    return response.json() if response.content else None
