"""What browsers are told with a session and with every page, in production."""

from typing import Any

import pytest
from django.conf import settings as real
from django.test import Client

from gateway.models import User
from tests import factories
from tests.gateway.signin.test_second_factor import sign_in


@pytest.fixture
def production(settings: Any) -> Any:
    """The settings that the production profile changes (`config/settings.py`, `IS_PRODUCTION`)."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 365 * 24 * 3600
    return settings


def signed_in(bob: User) -> tuple[Client, Any]:
    client = Client()
    answer = client.post("/admin/login/", {"username": bob.username, "password": factories.PASSWORD}, secure=True)
    return client, answer


def test_cookies_of_a_session(bob: User, production: Any) -> None:
    client, answer = signed_in(bob)
    cookie = answer.cookies[real.SESSION_COOKIE_NAME]

    assert answer.status_code == 302
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    client.get("/admin/login/", secure=True)
    assert all(morsel["secure"] and morsel["samesite"] == "Lax" for morsel in client.cookies.values())


@pytest.mark.parametrize("is_alices", [False, True])
def test_signing_in_makes_a_new_session(is_alices: bool, bob: User, alice: User) -> None:
    """Who planted a session in somebody's browser, without a person or their own, does not have what comes of it."""
    client = Client()
    if is_alices:
        sign_in(alice, client)
    else:
        planted = client.session
        planted["planted"] = True
        planted.save()
    before = client.cookies[real.SESSION_COOKIE_NAME].value

    sign_in(bob, client)

    assert client.cookies[real.SESSION_COOKIE_NAME].value != before
    assert client.get("/admin/account/").status_code == 200


def test_headers_of_a_page(bob: User, production: Any) -> None:
    client, _ = signed_in(bob)

    page = client.get("/admin/account/", secure=True)

    assert page.status_code == 200
    assert {name: page[name] for name in (
        "X-Content-Type-Options", "Strict-Transport-Security", "Referrer-Policy", "X-Frame-Options",
    )} == {
        "X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000",
        "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY",
    }  # fmt: skip
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]
    assert client.get("/admin/account/").status_code == 301
