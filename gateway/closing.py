"""Tells answers without an end that the process was asked to stop.

The web server waits for running answers before it stops, and a stream of events never ends by itself: so SIGTERM and
SIGINT are heard here too, in front of the server's own handler.
"""

import asyncio
import os
import signal
import threading
import weakref
from types import FrameType
from typing import Any


class Closing:
    """Tells streams that the process was asked to stop."""

    def __init__(self) -> None:
        self._waiting: weakref.WeakKeyDictionary[asyncio.Event, asyncio.AbstractEventLoop]
        self._waiting = weakref.WeakKeyDictionary()
        self._formers: dict[int, Any] = {}

    def event(self) -> asyncio.Event:
        """Set when the process is to stop. Call it on the event loop."""
        found = asyncio.Event()
        self._waiting[found] = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._listen(number)
        return found

    def _listen(self, number: signal.Signals) -> None:
        """In front of the server's own handler, which goes on as before."""
        former = signal.getsignal(number)
        if former != self._heard:
            self._formers[number] = former
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        for event, loop in list(self._waiting.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
        former = self._formers.get(number)
        if callable(former):
            former(number, frame)
        elif former == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


CLOSING = Closing()
