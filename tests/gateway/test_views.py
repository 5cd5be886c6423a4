"""Accepting an invitation in the browser."""

import re

import pytest
from django.test import Client

from gateway.models import Membership, OutboxMessage, User
from gateway.services import outbox, people
from tests import factories


@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


def mailed_path() -> str:
    text = outbox._opened(OutboxMessage.objects.get(dedupe_key__startswith="invitation-"))["text"]
    found = re.search(r"/invitations/[\w-]{43}/", text)
    assert found is not None
    return found[0]


def test_a_new_person_joins_once(company: factories.Acme) -> None:
    path = mailed_path()

    page = Client().get(path)
    weak = Client().post(path, {"password": "short"})
    joined = Client().post(path, {"first_name": "Eve", "password": factories.PASSWORD})
    again = Client().get(path)

    assert page.status_code == 200
    assert "Acme" in page.content.decode()
    assert page["Referrer-Policy"] == "same-origin"
    assert (weak.status_code, "too short" in weak.content.decode()) == (200, True)
    assert joined.status_code == 302
    assert again.status_code == 404
    eve = User.objects.get(username="eve@example.com")
    assert Membership.objects.get(user=eve).role == "analyst"


def test_a_person_signed_in_joins_with_one_click(company: factories.Acme) -> None:
    client = Client()
    client.force_login(company.people["mallory"], backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(mailed_path()).status_code == 302

    assert Membership.objects.filter(user=company.people["mallory"], organization=company.organization).exists()


def test_an_account_with_the_address_is_asked_to_sign_in(company: factories.Acme) -> None:
    User.objects.filter(pk=company.people["mallory"].pk).update(email="eve@example.com")

    response = Client().post(mailed_path(), {"password": factories.PASSWORD})

    assert "sign in" in response.content.decode()
    assert people.person_by_email("eve@example.com") == company.people["mallory"]


def test_an_unknown_token_says_what_to_do(db: None) -> None:
    response = Client().get("/invitations/nothing/")

    assert response.status_code == 404
    assert "ask for a new one" in response.content.decode()
