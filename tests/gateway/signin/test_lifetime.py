"""How long a session lasts: after its sign-in, and without use."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.env import load
from gateway.models import Session, User
from gateway.services import sessions
from gateway.signin.engine import SessionStore
from tests.gateway.signin.test_second_factor import sign_in

PAGE = "/admin/account/"
HOUR = timedelta(hours=1)


def is_in(client: Client, after: timedelta) -> bool:
    with time_machine.travel(timezone.now() + after, tick=False):
        return client.get(PAGE).status_code == 200


def test_two_weeks_and_no_limit_of_being_idle_unless_said(bob: User, settings: Any) -> None:
    client, _ = sign_in(bob)

    assert (settings.SESSION_COOKIE_AGE, settings.SESSION_IDLE_MINUTES) == (14 * 24 * 3600, 0)
    assert is_in(client, 14 * 24 * HOUR - timedelta(seconds=5))
    assert not is_in(client, 14 * 24 * HOUR)
    assert Session.objects.get(user_id=bob.pk).seen_at is None


def test_a_session_that_nobody_uses_ends(bob: User, settings: Any) -> None:
    settings.SESSION_IDLE_MINUTES = 30
    client, _ = sign_in(bob)

    assert [is_in(client, timedelta(minutes=at)) for at in (29, 58, 87, 118)] == [True, True, True, False]
    assert not Session.objects.filter(user_id=bob.pk).exists()
    assert not is_in(client, timedelta(minutes=88))


def test_sessions_of_before_the_limit_begin_when_they_are_next_used(bob: User, settings: Any) -> None:
    client, _ = sign_in(bob)
    settings.SESSION_IDLE_MINUTES = 30

    assert [is_in(client, timedelta(minutes=at)) for at in (90, 119, 150)] == [True, True, False]


def test_use_is_noted_once_a_minute_and_nothing_else_is_written(bob: User, settings: Any) -> None:
    settings.SESSION_IDLE_MINUTES = 30
    client, _ = sign_in(bob)
    began = timezone.now()
    written = []
    for seconds in (30, 59, 61, 90, 120, 122):
        at = began + timedelta(seconds=seconds)
        with time_machine.travel(at, tick=False), CaptureQueriesContext(connection) as queries:
            client.get(PAGE)
        written += [
            (seconds, query["sql"].count("session_data"))
            for query in queries if query["sql"].startswith("UPDATE") and "gateway_session" in query["sql"]
        ]  # fmt: skip

    assert written == [(61, 0), (122, 0)]


def test_noting_use_overwrites_nothing_that_was_kept_meanwhile(bob: User, settings: Any) -> None:
    settings.SESSION_IDLE_MINUTES = 30
    client, _ = sign_in(bob)
    key = client.session.session_key
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        first, second = SessionStore(key), SessionStore(key)
        first["kept"] = "by one"
        assert second.get("kept") is None
        first.save()
        second.get("kept")

    assert SessionStore(key)["kept"] == "by one"


def test_a_session_ends_hours_after_its_sign_in_however_much_it_is_used(bob: User, settings: Any) -> None:
    settings.SESSION_COOKIE_AGE = 8 * 3600
    client, answer = sign_in(bob)
    assert answer.cookies["sessionid"]["max-age"] in (8 * 3600, 8 * 3600 - 1)

    with time_machine.travel(timezone.now() + 7 * HOUR, tick=False):
        store = SessionStore(client.session.session_key)
        store["changed"] = True
        store.save()
    left = Session.objects.get(user_id=bob.pk).expire_date - timezone.now()
    assert 8 * HOUR - timedelta(minutes=1) < left <= 8 * HOUR
    assert [is_in(client, at) for at in (7.9 * HOUR, 8 * HOUR)] == [True, False]


def test_a_shorter_life_holds_for_sessions_that_there_are(bob: User, settings: Any) -> None:
    client, _ = sign_in(bob)
    settings.SESSION_COOKIE_AGE = 3600

    assert [is_in(client, at) for at in (0.9 * HOUR, 1.1 * HOUR)] == [True, False]


def test_idle_sessions_are_not_listed(bob: User, settings: Any) -> None:
    settings.SESSION_IDLE_MINUTES = 30
    sign_in(bob)
    seen = Session.objects.get(user_id=bob.pk).seen_at

    assert [one.seen_at for one in sessions.sessions_of(bob, None)] == [seen]
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        assert sessions.sessions_of(bob, None) == []


@pytest.mark.parametrize("name", ["SESSION_IDLE_MINUTES=-1", "SESSION_MAX_HOURS=0"])
def test_times_that_are_none_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*name.split("="))

    with pytest.raises(ImproperlyConfigured, match="SESSION_IDLE_MINUTES is at least 0, SESSION_MAX_HOURS at least 1"):
        load()
