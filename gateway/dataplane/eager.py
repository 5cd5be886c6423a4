"""A time limit for what is usually there already: a timer is made only when something has to be waited for. Pure."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result. Raises `TimeoutError` when it takes longer."""
    try:
        pending = coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _Rest(coroutine, pending)


class _Rest:
    """A coroutine that was begun, and what it waits for: awaited as if from its beginning."""

    __slots__ = ("_coroutine", "_pending")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], pending: Any) -> None:
        self._coroutine = coroutine
        self._pending = pending

    def __await__(self) -> Generator[Any, Any, Any]:
        pending = self._pending
        try:
            while True:
                try:
                    sent = yield pending
                except BaseException as error:  # whatever the waiter is told, a cancellation too
                    pending = self._coroutine.throw(error)
                else:
                    pending = self._coroutine.send(sent)
        except StopIteration as done:
            return done.value
