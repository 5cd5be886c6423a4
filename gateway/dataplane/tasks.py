"""Ending background tasks for good."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.5


async def end(tasks: Iterable["asyncio.Task[Any] | None"]) -> None:
    """Cancel the tasks and wait until all of them have ended, whatever they end with.

    A cancellation that arrives in the moment in which `asyncio.wait_for` finishes is lost before Python 3.12
    (python/cpython#86296), and libraries use it, redis-py for every command: so they are told again until they go.
    """
    left = {task for task in tasks if task is not None}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
