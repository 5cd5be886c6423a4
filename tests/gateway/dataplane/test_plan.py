"""Which target follows a failure, and when: on clocks of its own, without a network."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.dataplane import breaker
from gateway.dataplane import call as call_module
from gateway.dataplane.deployments import Deployments
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import ApiError, UpstreamError
from gateway.dataplane.failures import Failure, of_exception, of_status, seconds_of
from gateway.dataplane.plan import Plan
from gateway.dataplane.routing.policy import DEFAULT, Policy, Retry
from gateway.dataplane.upstream import Origin, Timeouts
from gateway.dataplane.views import ProviderView, Target


class Adapter:
    """Takes every call but for targets named in `cannot`."""

    def __init__(self, *cannot: str) -> None:
        self.cannot = cannot

    def prepare(self, call: Any, target: Target) -> Any:
        if target.name in self.cannot:
            raise ApiError(400, "unsupported_parameter", f"{target.name} has no logprobs", param="logprobs")
        return SimpleNamespace(dropped=())


class World:
    """A plan over targets `a`, `b`, … with clocks that stand still until they are moved."""

    def __init__(self, names: str = "ab", policy: Policy = DEFAULT, cannot: str = "", is_stream: bool = False) -> None:
        self.now = 1000.0
        self.deployments = Deployments()
        self.deployments.clock = lambda: self.now
        self.targets = tuple(target(name) for name in names)
        self.call = call_module.new_call(ENDPOINTS["/v1/chat/completions"], {}, "127.0.0.1")
        self.call.clock, self.call.policy, self.call.is_stream = self.now, policy, is_stream
        self.call.targets = self.targets
        runtime: Any = SimpleNamespace(deployments=self.deployments, adapters={"openai": Adapter(*cannot)})
        self.plan = Plan(self.call, runtime)
        self.plan.clock = lambda: self.now
        self.plan.draw = lambda low, high: high

    def open(self, name: str) -> None:
        found = self.deployments.of(target(name)).breaker
        for _ in range(breaker.CONSECUTIVE):
            found.failed(self.now, found.epoch)


def target(name: str) -> Target:
    provider = ProviderView(f"id-{name}", f"p-{name}", "openai", "openai", Origin("h", 80, False), "", "", Timeouts())
    return Target(name, name, provider)


def status(code: int, retry_after: bytes | None = None) -> Failure:
    return of_status(code, b"{}", retry_after, "", lambda status, body: None)


LOST = of_exception(UpstreamError("connection_lost", "lost"))


def test_targets_follow_each_other_once_when_a_failure_is_not_the_clients() -> None:
    world = World("abc")

    first = world.plan.first()
    second = world.plan.after(first, status(500))
    assert second is not None
    third = world.plan.after(second, LOST)
    assert third is not None

    assert [step.target.name for step in (first, second, third)] == ["a", "b", "c"]
    assert [step.why for step in (first, second, third)] == [
        "first choice", "after upstream_500 of p-a", "after connection_lost of p-b",
    ]  # fmt: skip
    assert world.plan.after(third, status(500)) is None


@pytest.mark.parametrize("code", [400, 404, 422, 501, 302])
def test_what_the_next_target_would_refuse_too_ends_the_call(code: int) -> None:
    world = World("ab")

    assert world.plan.after(world.plan.first(), status(code)) is None


def test_the_gateways_refused_credential_leads_on_but_is_not_repeated() -> None:
    world = World("ab", Policy(retry=Retry(attempts=3)))

    second = world.plan.after(world.plan.first(), status(401))
    assert second is not None
    third = world.plan.after(second, status(403))

    assert (second.target.name, third) == ("b", None)


def test_an_idle_connection_that_had_closed_is_replaced_once() -> None:
    world = World("a")
    stale = of_exception(UpstreamError("stale_connection", "closed"))

    again = world.plan.after(world.plan.first(), stale)
    assert again is not None

    assert (again.target.name, again.why) == ("a", "fresh connection")
    assert world.plan.after(again, stale) is None


def test_retries_wait_with_full_jitter_that_doubles_up_to_the_cap() -> None:
    world = World("a", Policy(retry=Retry(attempts=4, base_ms=100, cap_ms=300)))
    drawn: list[tuple[float, float]] = []
    world.plan.draw = lambda low, high: drawn.append((low, high)) or high / 2

    step, delays = world.plan.first(), []
    while (following := world.plan.after(step, status(503))) is not None:
        step = following
        delays.append(step.delay_s)

    assert drawn == [(0.0, 0.1), (0.0, 0.2), (0.0, 0.3), (0.0, 0.3)]
    assert delays == [0.05, 0.1, 0.15, 0.15]
    assert step.why == "retry 4 after upstream_503"


def test_untried_targets_come_before_retries() -> None:
    world = World("ab", Policy(retry=Retry(attempts=2)))

    steps = [world.plan.first()]
    while (following := world.plan.after(steps[-1], status(500))) is not None:
        steps.append(following)

    assert [step.target.name for step in steps] == ["a", "b", "a", "b"]
    assert [step.delay_s > 0 for step in steps] == [False, False, True, True]


@pytest.mark.parametrize(("kinds", "code", "names"), [({"rate_limit"}, 500, "a"), ({"server_error"}, 500, "aa")])
def test_only_the_routes_kinds_of_failure_are_repeated(kinds: set[str], code: int, names: str) -> None:
    world = World("a", Policy(retry=Retry(attempts=1, on=frozenset(kinds))))

    steps = [world.plan.first()]
    while (following := world.plan.after(steps[-1], status(code))) is not None:
        steps.append(following)

    assert "".join(step.target.name for step in steps) == names


def test_retry_after_is_waited_for_when_the_route_allows_such_a_pause() -> None:
    world = World("a", Policy(retry=Retry(attempts=1, base_ms=100, cap_ms=5_000)))

    again = world.plan.after(world.plan.first(), status(429, b"3"))

    assert again is not None
    assert again.delay_s == 3.0


def test_a_longer_retry_after_is_not_waited_for() -> None:
    world = World("a", Policy(retry=Retry(attempts=1, base_ms=100, cap_ms=2_000)))

    assert world.plan.after(world.plan.first(), status(429, b"3")) is None
    assert world.deployments.of(world.targets[0]).cooldown_until == 1003.0


def test_nothing_is_tried_after_the_deadline_and_no_pause_reaches_beyond_it() -> None:
    world = World("ab", Policy(deadline_s=2.0, retry=Retry(attempts=5, base_ms=1_500, cap_ms=10_000)))

    second = world.plan.after(world.plan.first(), status(500))
    assert second is not None
    world.now += 1.0
    assert world.plan.after(second, status(500)) is None  # a pause of 1.5 s, and 1 s is left
    world.now += 1.0
    assert world.plan.is_overdue
    assert World("ab", Policy(deadline_s=0.0)).plan.after(second, status(500)) is None


def test_time_outs_shrink_to_the_deadline_of_a_stream_only_until_its_first_byte() -> None:
    provider = Timeouts(connect=5.0, first_byte=120.0, idle=60.0, total=600.0)
    whole, stream = World(policy=Policy(deadline_s=3.0)), World(policy=Policy(deadline_s=3.0), is_stream=True)
    for world in (whole, stream):
        world.now += 1.0

    assert World().plan.timeouts(target("a")) == provider
    assert whole.plan.timeouts(target("a")) == Timeouts(2.0, 2.0, 60.0, 2.0)
    assert stream.plan.timeouts(target("a")) == Timeouts(2.0, 2.0, 60.0, 600.0)


def test_open_breakers_are_passed_over_and_all_open_is_a_503_that_says_when() -> None:
    world = World("ab")
    world.open("a")
    assert world.plan.first().target.name == "b"

    world = World("ab")
    world.open("a")
    world.now += 0.4
    world.open("b")
    with pytest.raises(ApiError) as refused:
        world.plan.first()
    assert (refused.value.status, refused.value.code) == (503, "circuit_open")
    assert refused.value.headers == {"Retry-After": "1"}


def test_a_target_that_cannot_express_the_call_is_passed_over() -> None:
    world = World("ab", cannot="a")
    assert world.plan.first().target.name == "b"

    with pytest.raises(ApiError) as refused:
        World("ab", cannot="ab").plan.first()
    assert (refused.value.status, refused.value.message) == (400, "a has no logprobs")


def test_a_breaker_that_will_close_is_named_before_what_cannot_be_expressed() -> None:
    world = World("ab", cannot="a")
    world.open("b")

    with pytest.raises(ApiError) as refused:
        world.plan.first()

    assert refused.value.code == "circuit_open"


def test_a_probes_place_is_not_taken_for_a_target_that_cannot_express_the_call() -> None:
    world = World("a", cannot="a")
    world.open("a")
    world.now += 1.0

    with pytest.raises(ApiError):
        world.plan.first()

    assert world.deployments.of(world.targets[0]).breaker.may_admit(world.now)


def test_retry_after_in_all_its_forms() -> None:
    assert seconds_of(b"7") == 7.0
    assert seconds_of(b"0.25") == 0.25
    assert seconds_of(b"Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert (seconds_of(b"Wed, 21 Oct 2099 07:28:00 GMT") or 0) > 1e9
    assert [seconds_of(text) for text in (None, b"", b"soon", b"-1", b"1.2.3")] == [None] * 5


def test_the_policy_of_a_model_without_a_route_tries_every_target_once() -> None:
    policy = Policy()

    assert (policy.retry.attempts, policy.deadline_s, policy.hedge_after_s) == (0, None, None)
    assert replace(policy, retry=Retry(attempts=1)) != policy
