"""A time limit that costs nothing when there is nothing to wait for."""

import asyncio

import pytest

from gateway.dataplane.eager import within


async def test_what_is_there_already_needs_no_time() -> None:
    async def ready() -> str:
        return "now"

    assert await within(-1.0, ready()) == "now"


async def test_what_comes_later_is_waited_for_as_if_from_its_beginning() -> None:
    first, second = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()

    async def later() -> list[str]:
        return [await first, await asyncio.shield(second)]

    waiting = asyncio.create_task(within(10.0, later()))
    await asyncio.sleep(0)
    first.set_result("one")
    await asyncio.sleep(0)
    second.set_result("two")

    assert await waiting == ["one", "two"]


async def test_what_comes_too_late_is_ended() -> None:
    ended = []

    async def never() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    with pytest.raises(TimeoutError):
        await within(0.01, never())
    assert ended == [True]


async def test_errors_and_cancellation_pass() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await within(10.0, fails())

    caught = []

    async def waits() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            caught.append(True)
            raise
        return "never"

    waiting = asyncio.create_task(within(10.0, waits()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert caught == [True]
