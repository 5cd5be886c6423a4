"""The exchange with Redis by itself: many owners, one real server, no data plane."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dataplane.limits import script
from gateway.dataplane.limits.meters import Ask, Meter, Want, give_back, reserve
from gateway.dataplane.limits.views import CONCURRENCY, REQUESTS, Bound, LimitView
from tests.redis_server import RedisServer


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


class Owner:
    """One process: its meter of each limit, and a clock that the test moves."""

    def __init__(self, redis: RedisServer, name: str, caps: dict[str, int], kind: str = REQUESTS) -> None:
        self.redis = redis
        self.client: Any = redis.client
        self.name = name
        self.now = 1000.0
        self.processes = 1
        self.admitted = 0
        view = LimitView("limit", "o", "n", "organization", "o", ())
        self.meters = {key: Meter(Bound(key, view, kind, cap, "")) for key, cap in caps.items()}

    def exchange(self, asks: list[Ask], extra: int = 0) -> list[int | None]:
        meters = list(self.meters.values())
        wants = {meter.key: extra for meter in meters}
        keys, arguments = script.request(self.name, meters, wants, asks, self.now)
        reply = script.reply(self.client.eval(script.LUA, len(keys), *keys, *arguments))
        self.processes = reply.processes
        for meter, answer in zip(meters, reply.answers, strict=True):
            meter.learn(answer.wid, self.now + answer.ttl_s, answer.left, answer.extra)
        for ask, verdict in zip(asks, reply.verdicts, strict=True):
            if verdict is None:
                for want in ask.wants:
                    want.meter.allowed += want.missing
                    want.meter.used += want.missing
        return list(reply.verdicts)

    def call(self, *keys: str, extra: int = 0) -> bool:
        """A call of all these limits, as the stage makes it."""
        wants = [Want(self.meters[key], 1) for key in keys]
        short = reserve(wants)
        if short and self.exchange([Ask(short, self.now)], extra) != [None]:
            give_back(wants)
            return False
        self.admitted += 1
        return True

    def tick(self) -> None:
        for meter in self.meters.values():
            meter.give_back_slack(self.now, self.processes)
        self.exchange([])


STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["a", "b", "ab", "tick"]), st.integers(0, 9)), max_size=90
)


@settings(max_examples=40)
@given(steps=STEPS, cap_a=st.integers(0, 25), cap_b=st.integers(0, 25))
def test_no_order_of_events_admits_more_than_a_limit_and_all_of_it_is_admitted_in_the_end(
    redis: RedisServer, steps: list[tuple[int, str, int]], cap_a: int, cap_b: int
) -> None:
    redis.client.flushall()
    caps = {"a": cap_a, "b": cap_b}
    owners = [Owner(redis, name, caps) for name in ("p", "q", "r")]
    passed = {"a": 0, "b": 0}
    for who, what, extra in steps:
        if what == "tick":
            owners[who].tick()
        elif owners[who].call(*what, extra=extra):
            for key in what:
                passed[key] += 1

    for owner in owners:
        for meter in owner.meters.values():
            meter.used_at = 0.0  # idle: the tick gives everything back
        owner.tick()
    for key, cap in caps.items():
        while owners[0].call(key):
            passed[key] += 1
        assert passed[key] == cap


def test_an_ask_of_several_limits_is_granted_on_all_or_on_none(redis: RedisServer) -> None:
    redis.client.flushall()
    owner, other = (Owner(redis, name, {"wide": 5, "narrow": 1}) for name in ("p", "q"))
    assert owner.call("wide", "narrow")

    assert not other.call("wide", "narrow")

    assert [other.call("wide") for _ in range(5)] == [True] * 4 + [False]


def test_a_window_that_redis_has_lost_is_restored_by_those_who_remember(redis: RedisServer) -> None:
    redis.client.flushall()
    owner, other = (Owner(redis, name, {"a": 10}) for name in ("p", "q"))
    assert [owner.call("a") for _ in range(6)] == [True] * 6
    assert [other.call("a") for _ in range(2)] == [True] * 2
    redis.client.flushall()
    owner.now += 20

    owner.exchange([])
    other.exchange([])

    assert [other.call("a") for _ in range(3)] == [True, True, False]
    assert 39_000 <= redis.client.pttl("gateway:limit:a") <= 40_000


def test_what_was_used_in_a_window_that_is_over_does_not_count_in_the_next(redis: RedisServer) -> None:
    redis.client.flushall()
    owner, other = (Owner(redis, name, {"a": 3}) for name in ("p", "q"))
    assert [owner.call("a") for _ in range(3)] == [True] * 3
    redis.client.delete("gateway:limit:a")  # it expires
    assert other.call("a")

    owner.exchange([])  # which believes in the old one still

    assert (owner.meters["a"].used, owner.meters["a"].left) == (0, 2)
    assert [owner.call("a") for _ in range(3)] == [True, True, False]


def test_what_was_used_while_redis_was_away_is_added(redis: RedisServer) -> None:
    redis.client.flushall()
    owner, other = (Owner(redis, name, {"a": 10}) for name in ("p", "q"))
    assert other.call("a")
    meter = owner.meters["a"]
    meter.begin("own", owner.now, 5, 0)
    meter.used = 4
    meter.go_shared(owner.now)

    owner.exchange([])

    assert meter.wid == other.meters["a"].wid
    assert (meter.left, meter.is_local) == (5, False)


def test_slots_of_a_process_that_was_not_heard_of_come_free(redis: RedisServer) -> None:
    redis.client.flushall()
    dead, owner = (Owner(redis, name, {"s": 2}, CONCURRENCY) for name in ("dead", "q"))
    assert [dead.call("s"), dead.call("s"), owner.call("s")] == [True, True, False]

    redis.client.zadd(script.PROCESSES_KEY, {"dead": 1})

    assert [owner.call("s") for _ in range(3)] == [True, True, False]


def test_a_stopped_process_reports_its_slots_again(redis: RedisServer) -> None:
    redis.client.flushall()
    stopped, owner = (Owner(redis, name, {"s": 2}, CONCURRENCY) for name in ("stopped", "q"))
    assert stopped.call("s")
    redis.client.zadd(script.PROCESSES_KEY, {"stopped": 1})
    assert [owner.call("s"), owner.call("s")] == [True, True]

    stopped.exchange([])

    assert stopped.meters["s"].left == -1
    owner.meters["s"].used -= 1
    owner.tick()
    assert not owner.call("s")
