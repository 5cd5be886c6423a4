"""One account's password, guessed from many addresses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessFailureLog
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from gateway.models import AuditEvent, OutboxMessage, User
from gateway.services import guesses, people, secondfactor
from tests import factories
from tests.gateway.signin.test_second_factor import LOGIN

TOKEN = "/api/v1/auth/token"
UNKNOWN = "nobody@acme.example"


def on_the_form(name: str, password: str, address: str) -> Any:
    return Client().post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def for_a_token(name: str, password: str, address: str) -> Any:
    return APIClient().post(TOKEN, {"username": name, "password": password}, REMOTE_ADDR=address)


DOORS = pytest.mark.parametrize(
    ("door", "wrong", "good"), [(on_the_form, 200, 302), (for_a_token, 401, 200)], ids=["form", "token"]
)


def spent(name: str) -> None:
    """All attempts of an hour were made."""
    AccessFailureLog.objects.bulk_create(AccessFailureLog(username=name) for _ in range(guesses.LIMIT))


@pytest.mark.slow
@DOORS
@pytest.mark.parametrize("is_known", [True, False], ids=["somebody", "nobody"])
def test_sixty_addresses_guess_fifty_times_within_an_hour(
    door: Callable[..., Any], wrong: int, good: int, is_known: bool, bob: User
) -> None:
    name, now = (bob.username if is_known else UNKNOWN), timezone.now()
    with time_machine.travel(now, tick=False):
        codes = [door(name, "wrong", f"198.51.100.{number}").status_code for number in range(60)]
        assert codes == [wrong] * 50 + [429] * 10
        assert door(name, factories.PASSWORD, "203.0.113.1").status_code == 429
    with time_machine.travel(now + timedelta(minutes=59), tick=False):
        assert door(name, factories.PASSWORD, "203.0.113.2").status_code == 429
    with time_machine.travel(now + timedelta(minutes=61), tick=False):
        assert door(name, factories.PASSWORD, "203.0.113.3").status_code == (good if is_known else wrong)


@pytest.mark.slow
@DOORS
def test_each_door_counts_for_the_other(door: Callable[..., Any], wrong: int, good: int, bob: User) -> None:
    other = for_a_token if door is on_the_form else on_the_form
    for number in range(50):
        door(bob.username, "wrong", f"198.51.100.{number}")

    assert other(bob.username, factories.PASSWORD, "203.0.113.1").status_code == 429


@pytest.mark.slow
def test_the_answer_says_what_to_do_and_not_whether_there_is_an_account(bob: User) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        pages, answers = set(), set()
        for name in (bob.username, UNKNOWN):
            for number in range(50):
                on_the_form(name, "wrong", f"198.51.100.{number}")
            page = on_the_form(name, "wrong", "203.0.113.1")
            answer = for_a_token(name, "wrong", "203.0.113.1")
            pages.add((page.status_code, page["Retry-After"], "a password that you set anew by mail" in page.text))
            answers.add((answer.status_code, answer["Content-Type"], answer["Retry-After"], answer.json()["code"]))

    assert pages == {(429, "3601", True)}
    assert answers == {(429, "application/problem+json", "3601", "locked_out")}


def test_right_passwords_take_no_attempt_and_give_none_back(bob: User) -> None:
    on_the_form(bob.username, "wrong", "198.51.100.1")
    for number in range(3):
        assert for_a_token(bob.username, factories.PASSWORD, f"203.0.113.{number}").status_code == 200
        assert on_the_form(bob.username, factories.PASSWORD, f"203.0.113.{number}").status_code == 302

    assert AccessFailureLog.objects.count() == 1


def test_no_name_is_kept_that_nobody_has_and_nothing_after_an_hour(bob: User) -> None:
    on_the_form("my password, in the wrong field", "wrong", "198.51.100.1")
    kept = AccessFailureLog.objects.get()
    assert (kept.username.partition(" ")[0], kept.ip_address, kept.user_agent) == ("unknown", None, "")  # type: ignore[union-attr]

    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        on_the_form(bob.username, "wrong", "198.51.100.1")
    assert AccessFailureLog.objects.get().username == bob.username


def test_the_lock_is_in_the_trail(company: factories.Acme, bob: User) -> None:
    spent(bob.username)
    for number in range(3):
        on_the_form(bob.username, "wrong", f"198.51.100.{number}")

    assert AuditEvent.objects.filter(verb="user.lock_out", organization=company.organization).count() == 1


def test_a_password_set_anew_by_mail_works_at_once(bob: User) -> None:
    spent(bob.username)
    uid, token = (
        people.urlsafe_base64_encode(people.force_bytes(bob.pk)),
        people.default_token_generator.make_token(bob),
    )

    people.reset_password(uid=uid, token=token, new="an entirely new one 7")

    assert for_a_token(bob.username, "an entirely new one 7", "203.0.113.1").status_code == 200


def test_so_does_one_set_on_the_page_of_the_link(bob: User) -> None:
    spent(bob.username)
    uid, token = (
        people.urlsafe_base64_encode(people.force_bytes(bob.pk)),
        people.default_token_generator.make_token(bob),
    )
    client, new = Client(), "an entirely new one 7"

    form = client.get(f"/admin/reset/{uid}/{token}/", follow=True)
    sent = client.post(form.request["PATH_INFO"], {"new_password1": new, "new_password2": new})

    assert sent.status_code == 302
    assert on_the_form(bob.username, new, "203.0.113.1").status_code == 302


def test_who_is_signed_in_confirms_by_a_code_meanwhile(bob: User) -> None:
    from tests.gateway.signin.test_second_factor import code_of

    client = Client()
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    secret = secondfactor.begin(user=bob).secret
    secondfactor.confirm(user=bob, code=code_of(secret))
    spent(bob.username)

    assert client.post("/sudo/", {"password": factories.PASSWORD, "next": "/admin/"}).status_code == 429
    with time_machine.travel(timezone.now() + timedelta(seconds=60), tick=False):
        assert client.post("/sudo/", {"code": code_of(secret), "next": "/admin/"}).status_code == 302


def test_changing_the_password_is_no_way_around(bob: User) -> None:
    client, page = APIClient(), Client()
    client.force_authenticate(bob)
    page.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    body = {"current_password": "wrong", "new_password": "an entirely new one 7"}
    form = {"old_password": "wrong", "new_password1": "an entirely new one 7", "new_password2": "an entirely new one 7"}

    by_api = [client.post("/api/v1/me/password", body, REMOTE_ADDR="198.51.100.1").status_code for _ in range(11)]
    by_page = [page.post("/admin/password_change/", form, REMOTE_ADDR="198.51.100.2").status_code for _ in range(11)]
    assert (by_api, by_page) == ([400] * 9 + [429] * 2, [200] * 9 + [429] * 2)
    assert AccessFailureLog.objects.filter(username=bob.username).count() == 20

    spent(bob.username)
    body["current_password"] = form["old_password"] = factories.PASSWORD
    assert client.post("/api/v1/me/password", body, REMOTE_ADDR="203.0.113.1").status_code == 429
    assert page.post("/admin/password_change/", form, REMOTE_ADDR="203.0.113.1").status_code == 429
    guesses.forget(name=bob.username)
    assert client.post("/api/v1/me/password", body, REMOTE_ADDR="203.0.113.1").status_code == 204


NEW = "an entirely new one 7"


def by_mailed_link(bob: User) -> Any:
    uid = people.urlsafe_base64_encode(people.force_bytes(bob.pk))
    client = Client()
    form = client.get(f"/admin/reset/{uid}/{people.default_token_generator.make_token(bob)}/", follow=True)
    return client.post(form.request["PATH_INFO"], {"new_password1": NEW, "new_password2": NEW})


def by_the_page_of_the_account(bob: User) -> Any:
    client = Client()
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    form = {"old_password": factories.PASSWORD, "new_password1": NEW, "new_password2": NEW}
    answer = client.post("/admin/password_change/", form)
    assert client.get("/admin/password_change/").status_code == 200  # this browser stays signed in
    return answer


@pytest.mark.parametrize(
    ("change", "verb"),
    [(by_mailed_link, "user.reset_password"), (by_the_page_of_the_account, "user.change_password")],
    ids=["link", "account"],
)
def test_a_page_changes_a_password_as_the_api_does(bob: User, change: Callable[[User], Any], verb: str) -> None:
    """Recorded, told by mail, and refresh tokens end."""
    refresh = for_a_token(bob.username, factories.PASSWORD, "203.0.113.1").data["refresh"]
    mails = OutboxMessage.objects.filter(topic="mail").count()

    assert change(bob).status_code == 302

    assert AuditEvent.objects.filter(verb=verb, object_id=str(bob.pk)).exists()
    assert OutboxMessage.objects.filter(topic="mail").count() == mails + 1
    assert APIClient().post("/api/v1/auth/token/refresh", {"refresh": refresh}).status_code == 401
    assert for_a_token(bob.username, NEW, "203.0.113.1").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_attempts_at_once_have_the_same_bound() -> None:
    def attempt(_: int) -> bool:
        try:
            return guesses.begin(name="unknown 1") is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(attempt, range(120)))

    assert sum(begun) <= guesses.LIMIT
    assert AccessFailureLog.objects.count() == sum(begun)
