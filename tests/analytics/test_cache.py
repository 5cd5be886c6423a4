"""Cache-aside: hits, expiry, eviction, one flight for many, errors that are not kept."""

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.db import OperationalError

from analytics import cache as analytics_cache
from analytics.cache import DjangoCache, ResultCache, key
from analytics.query import Query, QueryError, Result, run
from analytics.rollups.marks import drain_marks
from gateway.models import Membership
from tests.factories import Acme, book_lines, line

ANSWER = Result(datetime(2026, 1, 1, tzinfo=UTC), 1, 0.0, "USD", "UTC", {}, {"requests": 1})


def test_an_answer_is_kept_for_its_lifetime() -> None:
    now = [0.0]
    cache = ResultCache(lifetime_s=30, clock=lambda: now[0])
    calls: list[float] = []

    for now[0] in (0.0, 29.9, 30.1):
        assert cache.get("a", lambda: calls.append(now[0]) or ANSWER) is ANSWER  # type: ignore[func-returns-value]

    assert calls == [0.0, 30.1]


def test_the_least_recently_used_answer_goes_first() -> None:
    cache, calls = ResultCache(max_entries=2), []

    for name in "abacab":
        cache.get(name, lambda name=name: calls.append(name) or ANSWER)  # type: ignore[misc]

    assert calls == ["a", "b", "c", "b"]


def test_many_who_ask_the_same_wait_for_one_answer() -> None:
    cache, started, go, calls = ResultCache(), threading.Event(), threading.Event(), []

    def compute() -> Result:
        calls.append(1)
        started.set()
        go.wait(5)
        return ANSWER

    with ThreadPoolExecutor(8) as pool:
        leader = pool.submit(cache.get, "a", compute)
        started.wait(5)
        others = [pool.submit(cache.get, "a", compute) for _ in range(7)]
        go.set()
        assert all(found.result(5) is ANSWER for found in [leader, *others])

    assert len(calls) == 1


def test_an_error_reaches_the_asker_and_is_not_kept() -> None:
    cache = ResultCache()

    def fail() -> Any:
        raise RuntimeError("down")

    with pytest.raises(RuntimeError, match="down"):
        cache.get("a", fail)

    assert cache.get("a", lambda: ANSWER) is ANSWER


def test_keys_differ_by_every_part() -> None:
    assert len({key("a", 1), key("a", 2), key("a1"), key("a", "1")}) == 4


def fail(*_: Any) -> Any:
    raise OperationalError("canceling statement due to statement timeout")


def of_now(**more: Any) -> Result:
    return replace(ANSWER, generated_at=datetime.now(UTC), **more)


def test_the_last_answer_is_given_as_stale_when_the_source_fails() -> None:
    cache, answer = ResultCache(), of_now()
    cache.get("version 1", lambda: answer, last="question")

    found = cache.get("version 2", fail, last="question")
    again = cache.get("version 2", lambda: ANSWER, last="question")

    assert found == replace(answer, stale=True)
    assert again is ANSWER  # a stale answer is not kept


def test_an_answer_is_given_as_stale_for_an_hour() -> None:
    cache = ResultCache()
    cache.get("1", lambda: replace(ANSWER, generated_at=datetime.now(UTC) - timedelta(minutes=61)), last="question")

    with pytest.raises(OperationalError):
        cache.get("2", fail, last="question")


def test_another_question_or_view_has_no_stale_answer() -> None:
    cache = ResultCache()
    cache.get("1", of_now, last="question")

    for last in ("another", None):
        with pytest.raises(OperationalError):
            cache.get("2", fail, last=last)


def test_a_question_that_is_wrong_is_never_answered_by_an_old_answer() -> None:
    cache = ResultCache()
    cache.get("1", of_now, last="question")

    def wrong() -> Result:
        raise QueryError("unknown_measure", "No such measure.")

    with pytest.raises(QueryError):
        cache.get("2", wrong, last="question")


class Redis:
    """redis-server on a free port of 127.0.0.1."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed")
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise TimeoutError("redis-server did not start")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(tmp_path: Path, settings: Any) -> Iterator[Redis]:
    server = Redis(tmp_path)
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{server.port}/0",
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGCONT)
        server.end()


def two_processes() -> tuple[ResultCache, ResultCache]:
    return ResultCache(shared=DjangoCache()), ResultCache(shared=DjangoCache())


def test_processes_share_answers(redis: Redis) -> None:
    here, there = two_processes()
    answer = of_now()

    assert here.get("a", lambda: answer, last="question") is answer
    assert there.get("a", fail) == answer
    assert there.get("b", fail, last="question") == replace(answer, stale=True)
    assert {str(caches["default"]._cache.get_client().ttl(name)) for name in _keys()} == {"30", "3600"}  # type: ignore[attr-defined]


def _keys() -> list[Any]:
    client: Any = caches["default"]._cache.get_client()  # type: ignore[attr-defined]
    return list(client.keys("*"))


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_without_the_shared_cache_answers_are_computed(redis: Redis, how: str) -> None:
    here, there = two_processes()
    here.get("a", of_now)
    if how == "killed":
        redis.end()
    else:
        redis.process.send_signal(signal.SIGSTOP)
    calls: list[str] = []

    for name in ("a", "b", "c"):
        assert there.get(name, lambda name=name: calls.append(name) or ANSWER) is ANSWER  # type: ignore[misc]

    assert calls == ["a", "b", "c"]
    assert there.get("c", fail) is ANSWER


def test_a_shared_cache_that_failed_is_left_alone_and_asked_again_later(settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    now = [0.0]
    shared = DjangoCache(clock=lambda: now[0])
    asked: list[float] = []

    for now[0] in (0.0, 9.0, 10.0, 19.0, 21.0):
        before = shared._away_until
        shared.get("a")
        if shared._away_until != before:
            asked.append(now[0])

    assert asked == [0.0, 10.0, 21.0]


def test_this_process_s_own_memory_is_not_asked_twice() -> None:
    shared = DjangoCache()

    shared.set("a", ANSWER, 30)

    assert shared.get("a") is None


def test_what_another_release_left_is_not_taken(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = DjangoCache()
    shared.set("a", ANSWER, 30)
    assert shared.get("a") == ANSWER

    monkeypatch.setattr(analytics_cache, "_shared_name", lambda name: f"analytics:000000000000:{name}")

    assert shared.get("a") is None


def test_a_question_over_a_failing_database_is_stale_and_a_lost_role_sees_nothing(
    company: Acme, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_lines(line(company, at=datetime(2026, 3, 10, 9, tzinfo=UTC)))
    drain_marks()
    query = Query(
        measures=["requests"], organization=company.organization,
        start=datetime(2026, 3, 10, tzinfo=UTC), end=datetime(2026, 3, 11, tzinfo=UTC),
    )  # fmt: skip
    fresh = run(company.people["carol"], query)
    book_lines(line(company, at=datetime(2026, 3, 10, 10, tzinfo=UTC)))
    drain_marks()
    monkeypatch.setattr(import_module("analytics.query.run"), "_fetch", fail)

    stale = run(company.people["carol"], query)
    analytics_cache.clear()  # another process
    elsewhere = run(company.people["alice"], query)
    Membership.objects.filter(user=company.people["carol"]).update(archived_at=datetime.now(UTC))

    assert (fresh.stale, fresh.totals) == (False, {"requests": 1})
    assert (stale.stale, stale.totals, stale.generated_at) == (True, {"requests": 1}, fresh.generated_at)
    assert elsewhere.stale  # alice and carol see the same
    with pytest.raises(OperationalError):
        run(company.people["bob"], query)  # bob does not
    with pytest.raises(QueryError, match="No such organization"):
        run(company.people["carol"], query)
