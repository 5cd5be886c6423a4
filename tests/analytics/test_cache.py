"""Cache-aside: hits, expiry, eviction, one flight for many, errors that are not kept."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from analytics.cache import ResultCache, key
from analytics.query import Result

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
