"""Tasks end when they are told to, also those that lose what they are told."""

import asyncio

from gateway.dataplane import tasks


async def test_a_task_that_loses_its_first_cancellation_ends() -> None:
    heard = 0

    async def stubborn() -> None:
        nonlocal heard
        while heard < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                heard += 1

    running = asyncio.create_task(stubborn())
    await asyncio.sleep(0)

    await tasks.end([running, None])

    assert (running.done(), heard) == (True, 2)


async def test_what_a_task_ends_with_is_its_own_business() -> None:
    async def fails() -> None:
        raise ValueError("no")

    running = asyncio.create_task(fails())
    await asyncio.sleep(0)

    await tasks.end([running])

    assert running.done()


async def test_nothing_to_end() -> None:
    await tasks.end([])
