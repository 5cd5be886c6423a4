"""Nobody learns from an answer, or from how long it takes, whether an account exists."""

import re
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from gateway.models import OutboxMessage, User
from tests import factories
from tests.gateway.signin.conftest import with_password

API = "/api/v1"


@pytest.fixture
def names(company: factories.Acme) -> dict[str, str]:
    """Whoever may not sign in with the password that is tried."""
    closed = with_password(company.people["dave"])
    User.objects.filter(pk=closed.pk).update(is_active=False)
    sso_only = company.people["carol"]
    sso_only.set_unusable_password()
    sso_only.save()
    return {"wrong": with_password(company.people["bob"]).username, "closed": closed.username,
            "no password": sso_only.username, "unknown": "nobody@acme.example"}  # fmt: skip


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each costly computation of a password's hash."""
    made: list[str] = []
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)

        def counted(self: Any, *arguments: Any, _real: Any = real, _name: str = name) -> Any:
            made.append(_name)
            return _real(self, *arguments)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)
    return made


def tried(kind: str) -> str:
    return "not it" if kind == "wrong" else factories.PASSWORD


def plain(page: str, name: str) -> str:
    return re.sub(r'value="\w{64}"', "", page).replace(name, "NAME")


def test_signing_in_says_and_costs_the_same(names: dict[str, str], hashes: list[str]) -> None:
    pages, answers, costs = set(), set(), []
    for kind, name in names.items():
        hashes.clear()
        page = Client().post("/admin/login/", {"username": name, "password": tried(kind), "next": "/admin/"})
        costs.append(len(hashes))
        hashes.clear()
        answer = APIClient().post(f"{API}/auth/token", {"username": name, "password": tried(kind)})
        costs.append(len(hashes))
        pages.add((page.status_code, plain(page.content.decode(), name)))
        answers.add((answer.status_code, answer.json()["code"], answer.json()["detail"]))

    assert (len(pages), len(answers)) == (1, 1)
    assert costs == [1] * 8


def test_nor_where_passwords_are_switched_off(names: dict[str, str], hashes: list[str], settings: Settings) -> None:
    settings.PASSWORD_SIGN_IN = False
    costs = []
    for name in names.values():
        hashes.clear()
        answer = APIClient().post(f"{API}/auth/token", {"username": name, "password": factories.PASSWORD})
        costs.append((answer.status_code, len(hashes)))

    assert costs == [(401, 1)] * 4


def test_forgotten_passwords_say_the_same(names: dict[str, str]) -> None:
    pages, answers = set(), set()
    for name in names.values():
        page = Client().post("/admin/password_reset/", {"email": name}, follow=True)
        pages.add((page.status_code, page.redirect_chain[0], plain(page.content.decode(), name)))
        answer = APIClient().post(f"{API}/auth/password-reset", {"email": name})
        answers.add((answer.status_code, answer.content))

    assert (len(pages), len(answers)) == (1, 1)
    assert OutboxMessage.objects.filter(dedupe_key__startswith="password-reset-").count() == 4  # of two, twice


def test_a_person_with_a_second_factor_is_known_by_the_right_password_alone(bob: User) -> None:
    from gateway.models import SecondFactor

    SecondFactor.objects.create(user=bob, secret=b"x", confirmed_at="2026-01-01T00:00:00Z")

    wrong = APIClient().post(f"{API}/auth/token", {"username": bob.username, "password": "not it"})

    assert wrong.json()["code"] == "credentials_wrong"
