"""Cache-aside for analytics answers, per process, with single-flight.

The key holds the view (organization and visibility), the question and the data version, so a refresh of the rollups
or a changed role is a new key; the lifetime bounds only what moves with the clock (figures per minute).
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analytics.query.shapes import Result

LIFETIME_S = 30.0
MAX_ENTRIES = 512


def key(*parts: object) -> str:
    """Digest of the parts' representations; parts are built of plain values and frozen dataclasses alone."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@dataclass(slots=True)
class ResultCache:
    """Least recently used answers; while one is computed, others who ask the same wait for it."""

    lifetime_s: float = LIFETIME_S
    max_entries: int = MAX_ENTRIES
    clock: Callable[[], float] = time.monotonic
    _entries: OrderedDict[str, tuple[float, "Result"]] = field(default_factory=OrderedDict)
    _flights: dict[str, "Future[Result]"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str, compute: Callable[[], "Result"]) -> "Result":
        """The cached answer or `compute()`, run once however many ask; its exception reaches all of them."""
        with self._lock:
            entry = self._entries.get(name)
            if entry and entry[0] > self.clock():
                self._entries.move_to_end(name)
                return entry[1]
            flight = self._flights.get(name)
            leads = flight is None
            if flight is None:
                flight = self._flights[name] = Future()
        if leads:
            self._fly(name, flight, compute)
        return flight.result()

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def _fly(self, name: str, flight: "Future[Result]", compute: Callable[[], "Result"]) -> None:
        try:
            result = compute()
        except BaseException as error:
            with self._lock:
                self._flights.pop(name, None)
            flight.set_exception(error)
            return
        with self._lock:
            self._flights.pop(name, None)
            self._entries[name] = (self.clock() + self.lifetime_s, result)
            self._entries.move_to_end(name)
            while len(self._entries) > self.max_entries:
                self._entries.popitem(last=False)
        flight.set_result(result)


RESULTS = ResultCache()
get = RESULTS.get
clear = RESULTS.clear
