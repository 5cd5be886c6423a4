"""The response cache over several processes that share a Redis: one process's answer serves them all."""

import time
from typing import Any

import pytest

from tests.gateway.dataplane.limits.fleet import MODEL, Fleet
from tests.gateway.dataplane.stack import Answer


class Shared:
    """An organization with a cache policy on the fleet."""

    def __init__(self, fleet: Fleet, slug: str, **policy: Any) -> None:
        self.fleet = fleet
        self.organization, project = fleet.tenant(slug)
        self.secret, _ = fleet.key(self.organization, project)
        base = {
            "organization_id": self.organization, "project_id": None, "is_enabled": True, "ttl_s": 60,
            "is_shared": False, "max_entry_bytes": 100_000, "is_semantic": False, "embedding_model": "",
            "similarity_threshold": 1, "generation": 1,
        }  # fmt: skip
        self.policy = fleet.insert("gateway_cachepolicy", **base | policy)
        fleet.wait_until_current()

    def ask(self, at: int, question: str, **fields: Any) -> Answer:
        messages = [{"role": "user", "content": question}]
        return self.fleet.at(self.fleet.ports[at]).chat(self.secret, MODEL, messages=messages, **fields)

    def stored(self) -> list[bytes]:
        assert self.fleet.redis is not None
        return sorted(self.fleet.redis.client.keys(f"gateway:cache:{self.policy}:*"))

    def wait_until_stored(self) -> None:
        self.fleet.wait_for(lambda: self.stored() != [], timeout_s=10)


@pytest.fixture
def shared(fleet: Fleet, request: pytest.FixtureRequest) -> Shared:
    return Shared(fleet, request.node.name.removeprefix("test_").replace("_", "-")[:50])


def cache_of(answers: list[Answer]) -> list[str]:
    return [answer.headers["x-gateway-cache"] for answer in answers]


@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_of_one_process_serves_the_others(shared: Shared, stream: bool) -> None:
    first = shared.ask(0, "one for all", stream=stream, max_tokens=5)
    shared.wait_until_stored()
    others = [shared.ask(at, "one for all", stream=stream, max_tokens=5) for at in (1, 2, 3, 1)]

    assert cache_of([first, *others]) == ["miss", "hit", "hit", "hit", "hit"]
    if not stream:
        assert {answer.body for answer in others} == {first.body}


def test_what_is_stored_can_be_read_by_nobody_else(shared: Shared) -> None:
    shared.ask(0, "canary-question", max_tokens=5)
    shared.wait_until_stored()

    (place,) = shared.stored()
    assert shared.fleet.redis is not None
    value = shared.fleet.redis.client.get(place)

    assert b"canary" not in value
    assert b"choices" not in value
    assert 0 < shared.fleet.redis.client.ttl(place) <= 60


def test_erasing_deletes_what_is_shared(shared: Shared) -> None:
    shared.ask(0, "to be forgotten", max_tokens=5)
    shared.wait_until_stored()

    with shared.fleet.connect() as connection:
        connection.execute("UPDATE gateway_cachepolicy SET generation = 2 WHERE id = %s", [shared.policy])
    shared.fleet.wait_until_current()
    shared.fleet.wait_for(lambda: shared.stored() == [], timeout_s=10)

    assert cache_of([shared.ask(1, "to be forgotten", max_tokens=5)]) == ["miss"]


def test_organizations_do_not_meet_in_redis(shared: Shared, fleet: Fleet) -> None:
    other = Shared(fleet, "another-organization")
    shared.ask(0, "whose is it", max_tokens=5)
    shared.wait_until_stored()

    assert cache_of([other.ask(1, "whose is it", max_tokens=5)]) == ["miss"]


def test_calls_go_on_while_redis_hangs_and_share_again_afterwards(shared: Shared) -> None:
    redis = shared.fleet.redis
    assert redis is not None
    redis.hang()
    try:
        during = [shared.ask(at, "hanging", max_tokens=5) for at in (0, 1, 0, 1)]
    finally:
        redis.resume()

    assert [answer.status for answer in during] == [200] * 4
    assert cache_of(during) == ["miss", "miss", "hit", "hit"]  # each process has its own answer

    def is_shared_again() -> bool:
        question = f"after {time.monotonic()}"
        shared.ask(0, question, max_tokens=5)
        time.sleep(0.3)
        return cache_of([shared.ask(1, question, max_tokens=5)]) == ["hit"]

    shared.fleet.wait_for(is_shared_again, timeout_s=15)
