"""Breakers of several processes over a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from gateway.dataplane.breaker import CLOSED, CONSECUTIVE, HALF_OPEN, OPEN
from gateway.dataplane.breaker_sharing import BreakerSharing
from gateway.dataplane.deployments import Deployment, Deployments
from tests.redis_server import RedisServer


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


class Process:
    """What a data plane has of it."""

    def __init__(self, name: str) -> None:
        self.deployments = Deployments()
        runtime: Any = SimpleNamespace(deployments=self.deployments, id=name)
        self.sharing = BreakerSharing(runtime)

    @property
    def deployment(self) -> Deployment:
        return self.deployments.named("p1", "openai", "gpt-4o")

    @property
    def state(self) -> str:
        return self.deployment.breaker.state

    def fail(self) -> None:
        breaker, now = self.deployment.breaker, self.deployments.clock()
        for _ in range(CONSECUTIVE):
            breaker.failed(now, breaker.epoch)


@pytest.fixture
async def processes(redis: RedisServer, settings: Settings) -> AsyncIterator[list[Process]]:
    settings.REDIS_URL = redis.url
    found = [Process("a"), Process("b"), Process("c")]
    for process in found:
        await process.sharing.start()
    await until(lambda: all(process.sharing.is_shared for process in found))
    yield found
    for process in found:
        await process.sharing.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (set by tasks of the code under test)
            await asyncio.sleep(0.01)


async def test_open_in_one_is_open_in_all_and_told_once(processes: list[Process]) -> None:
    first, *others = processes

    first.fail()

    assert first.state == OPEN
    await until(lambda: all(process.state == OPEN for process in others))
    assert [process.sharing.adopted for process in processes] == [0, 1, 1]
    assert 0 < others[0].deployment.breaker.retry_in(others[0].deployments.clock()) <= 1.0


async def test_an_answer_in_one_lets_the_others_probe_at_once(processes: list[Process]) -> None:
    first, second, _ = processes
    first.fail()
    await until(lambda: second.state == OPEN)
    clock = first.deployments.clock

    breaker = first.deployment.breaker
    assert breaker.admit(clock() + 2)
    assert breaker.state == HALF_OPEN
    breaker.answered(breaker.epoch)

    assert first.state == CLOSED
    await until(lambda: second.deployment.breaker.may_admit(clock()))


async def test_who_comes_later_hears_what_is_open(processes: list[Process]) -> None:
    processes[0].fail()
    late = Process("late")

    await late.sharing.start()

    await until(lambda: late.state == OPEN)
    await late.sharing.close()


async def test_without_redis_each_goes_by_itself_and_sharing_resumes(
    processes: list[Process], redis: RedisServer
) -> None:
    first, second, _ = processes
    redis.kill()
    await until(lambda: not any(process.sharing.is_shared for process in processes))

    first.fail()

    assert (first.state, second.state) == (OPEN, CLOSED)
    redis.start()
    await until(lambda: second.state == OPEN or not first.deployment.breaker.retry_in(first.deployments.clock()))
    await until(lambda: all(process.sharing.is_shared for process in processes))


def test_nonsense_is_left_alone() -> None:
    process = Process("a")

    for data in (b"", b"[]", b'{"owner":"b"}', b'{"owner":"b","state":"open","provider":"p"}'):
        process.sharing.hear(data)

    assert list(process.deployments) == []
