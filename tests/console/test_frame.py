"""The frame of every page: signing in, navigation, status, errors."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from analytics.console.status import system_status
from gateway.models import Heartbeat, OutboxMessage
from gateway.services import outbox
from tests.console.company import PASSWORD, Company
from tests.console.conftest import SignIn

POLICY_PARTS = (
    "default-src 'self'",
    "script-src 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    "base-uri 'none'",
)


def test_everyone_active_may_sign_in_and_strangers_may_not(company: Company) -> None:
    def status(username: str, password: str) -> int:
        return (
            Client().post("/admin/login/", {"username": username, "password": password, "next": "/admin/"}).status_code
        )

    company.people["carol"].is_active = False
    company.people["carol"].save()

    assert status("bob@example.com", PASSWORD) == 302
    assert status("bob@example.com", "wrong") == 200
    assert status("carol@example.com", PASSWORD) == 200
    assert status("nobody@example.com", PASSWORD) == 200


def test_login_is_locked_after_ten_failures(company: Company) -> None:
    client = Client()
    for _ in range(10):
        answer = client.post("/admin/login/", {"username": "bob@example.com", "password": "wrong"})

    assert answer.status_code == 429
    assert "Signing in is locked for 15 minutes" in answer.content.decode()


def test_the_password_is_changed_on_its_page(company: Company, sign_in: SignIn) -> None:
    new = "an entirely new one 7"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    client = sign_in("bob")

    answer = client.post("/admin/password_change/", form)

    assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/done/")
    assert client.get("/admin/account/").status_code == 200
    login = {"username": "bob@example.com", "next": "/admin/"}
    assert Client().post("/admin/login/", {**login, "password": PASSWORD}).status_code == 200
    assert Client().post("/admin/login/", {**login, "password": new}).status_code == 302


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/admin/", "/admin/requests/", "/admin/settings/", "/admin/nothing/"]
)
def test_policy_header_is_strict_everywhere(company: Company, sign_in: SignIn, path: str) -> None:
    policy = sign_in("alice").get(path)["Content-Security-Policy"]

    assert all(part in policy for part in POLICY_PARTS)
    assert "unsafe-eval" not in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy


@pytest.mark.slow
def test_navigation_has_no_dead_link(company: Company, sign_in: SignIn) -> None:
    for name in ("root", "alice", "bob"):
        client = sign_in(name)
        context = client.get("/admin/").context["console"]
        urls = [item.url for section in context.sections for item in section.items]

        assert urls[0] == "/admin/"
        assert {url: client.get(url).status_code for url in urls} == dict.fromkeys(urls, 200)


def test_developers_get_no_links_to_pages_they_may_not_open(company: Company, sign_in: SignIn) -> None:
    context = sign_in("bob").get("/admin/").context["console"]
    labels = {item.label for section in context.sections for item in section.items}

    assert {"Home", "Requests"} <= labels
    assert "Audit" not in labels


def test_not_found_names_the_request_and_tells_nothing(company: Company, sign_in: SignIn) -> None:
    response = sign_in("alice").get("/admin/nothing/", headers={"X-Request-ID": "req_mine"})

    assert response.status_code == 404
    assert b"<code>req_mine</code>" in response.content


def test_server_error_names_the_request(company: Company, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sign_in("alice")
    client.raise_request_exception = False

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("analytics.console.views.read_period", broken)
    response = client.get("/admin/", headers={"X-Request-ID": "req_broken"})

    assert response.status_code == 500
    assert b"req_broken" in response.content
    assert b"secret detail" not in response.content


def test_stale_form_says_what_to_do(company: Company) -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post("/admin/login/", {"username": "a", "password": "b"})

    assert response.status_code == 403
    assert "reload the page and send it again" in response.content.decode()


def test_password_reset_link_names_the_configured_console(company: Company, settings: Settings) -> None:
    settings.CONSOLE_URL = "https://console.example.org"

    Client().post("/admin/password_reset/", {"email": "bob@example.com"}, headers={"Host": "evil.example"})

    mailed = outbox._opened(OutboxMessage.objects.get(dedupe_key__startswith="password-reset-"))["text"]
    link = next(word for word in mailed.split() if word.startswith("http"))
    assert link.startswith("https://console.example.org/admin/reset/")
    page = Client().get(link.removeprefix("https://console.example.org"), follow=True)
    assert "Choose a new password" in page.content.decode()


@pytest.mark.parametrize(
    ("ages", "state", "words"),
    [
        ({"writer": 1, "background": 2, "dataplane:a": 1}, "ok", "All systems running"),
        ({"writer": 60, "background": 2, "dataplane:a": 1}, "warn", "Ledger writer last seen 60\u202fs ago"),
        ({"writer": 1, "background": 900, "dataplane:a": 1}, "bad", "Background work silent for 15\u202fmin"),
        ({"background": 2, "dataplane:a": 1}, "warn", "Ledger writer not running"),
        ({"writer": 1, "background": 2, "dataplaneless": 1}, "warn", "Data plane not running"),
        (
            {"writer:a": 1, "writer:b": 900, "writer:c": 60, "background:a": 2, "dataplane:a": 1},
            "bad",
            "Ledger writer silent for 15\u202fmin",
        ),
        (
            {"writer:a": 1, "background:a": 2, "background:b": 60, "dataplane:a": 1},
            "warn",
            "Background work last seen 60\u202fs ago",
        ),
        (
            {"writer:a": 1, "background:a": 2, "dataplane:a": 900, "dataplane:b": 1},
            "bad",
            "Data plane silent for 15\u202fmin",
        ),
    ],
)
def test_status_of_the_machinery(db: None, ages: dict[str, int], state: str, words: str) -> None:
    now = timezone.now()
    for name, age in ages.items():
        Heartbeat.objects.create(name=name, at=now - timedelta(seconds=age))

    status = system_status(now)

    assert (status.state, status.summary) == (state, words)


def test_status_names_a_lagging_writer(db: None) -> None:
    for name in ("writer", "background", "dataplane:a"):
        Heartbeat.objects.create(name=name, at=timezone.now(), info={"lag_s": 90 if name == "writer" else 0})

    assert system_status().summary == "Ledger writer lag 90\u202fs"


def test_an_application_is_a_card_of_the_settings(company: Company, sign_in: SignIn) -> None:
    client = sign_in("root")

    assert client.get("/admin/gateway/")["Location"] == "/admin/settings/#app-gateway"
    assert client.get("/admin/nothing/").status_code == 404


@pytest.mark.slow
def test_every_model_page_opens_in_the_skin(company: Company, sign_in: SignIn) -> None:
    client = sign_in("root")
    for model, options in admin.site._registry.items():
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        page = client.get(path)
        assert page.status_code == 200, path
        assert b"css/admin.css" in page.content
        request = page.wsgi_request
        if options.has_add_permission(request):
            assert client.get(f"{path}add/").status_code == 200, path
