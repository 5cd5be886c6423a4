"""Server-sent events: a few per person, with a sign of life every 15 seconds, ended when the process stops (rule 20).

Wire format: HTML Living Standard, "Server-sent events".
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from rest_framework.renderers import JSONRenderer

TICK_S = 2.0
COMMENT_S = 15.0
LONGEST_S = 900.0
PER_PERSON = 3
MEDIA_TYPE = "text/event-stream"


class EventStreamRenderer(JSONRenderer):
    """For the choice of a representation, and for errors, which are problem documents."""

    media_type = MEDIA_TYPE
    charset = "utf-8"


class Slots:
    """Open streams by person, in this process."""

    def __init__(self, most: int = PER_PERSON) -> None:
        self.most = most
        self._open: Counter[object] = Counter()
        self._lock = threading.Lock()

    def take(self, who: object) -> Callable[[], None] | None:
        """What gives the slot back, once however often it is called; None when all are taken."""
        with self._lock:
            if self._open[who] >= self.most:
                return None
            self._open[who] += 1
        is_given = threading.Event()

        def give() -> None:
            with self._lock:
                if not is_given.is_set():
                    is_given.set()
                    self._open[who] -= 1
                    if not self._open[who]:
                        del self._open[who]

        return give


SLOTS = Slots()


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `tag` names its content, `data` is one line."""

    tag: str
    data: bytes


async def events(
    read: Callable[[], Awaitable[Event | None]],
    closing: asyncio.Event,
    *,
    name: str,
    clock: Callable[[], float] = time.monotonic,
    tick_s: float = TICK_S,
) -> AsyncIterator[bytes]:
    """What `read` says, every two seconds when it is something new, until it says None: the reader may not any more.
    Ends after a quarter of an hour too; browsers come back, and prove again who they are."""
    began = spoke = clock()
    last = ""
    yield b"retry: 2000\n\n"
    while not closing.is_set() and clock() - began < LONGEST_S:
        event = await read()
        if event is None:
            break
        if event.tag != last:
            last = event.tag
            yield b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), event.tag.encode(), event.data)
        if clock() - spoke >= COMMENT_S:
            spoke = clock()
            yield b": still here\n\n"
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), tick_s)
    yield b": closing\n\n"
