"""Cache-aside for analytics answers: in the process, with single-flight, and behind it one that processes share.

The key holds the view (organization and visibility), the question and the data version, so a refresh of the rollups
or a changed role is a new key; the lifetime bounds only what moves with the clock (figures per minute). Whose view it
is has been read a moment ago whenever an answer is looked up, so nobody sees what was theirs before.

The last answer to each question of each view is kept for an hour besides. When the source fails it is given again,
marked as stale. The shared cache is Django's, when that is one which processes share (`REDIS_URL`); while it does not
answer, it is left alone for some seconds.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import DatabaseError, InterfaceError

from analytics import patience

if TYPE_CHECKING:
    from analytics.query.shapes import Result

LIFETIME_S = 30.0
MAX_ENTRIES = 512
STALE_FOR = timedelta(hours=1)
AWAY_S = 10.0
"""How long a shared cache that failed is not asked again."""
SOURCE_FAILURES: tuple[type[Exception], ...] = (DatabaseError, InterfaceError)
log = structlog.get_logger(__name__)


def key(*parts: object) -> str:
    """Digest of the parts' representations; parts are built of plain values and frozen dataclasses alone."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class Shared(Protocol):
    """What processes share; it never raises."""

    def get(self, name: str) -> "Result | None": ...

    def set(self, name: str, result: "Result", seconds: float) -> None: ...


@dataclass(slots=True)
class DjangoCache:
    """Django's default cache, unless it is this process's own memory. Whatever goes wrong there is a miss."""

    clock: Callable[[], float] = time.monotonic
    _away_until: float = 0.0

    def get(self, name: str) -> "Result | None":
        return self._asked(lambda backend: backend.get(_shared_name(name)))

    def set(self, name: str, result: "Result", seconds: float) -> None:
        self._asked(lambda backend: backend.set(_shared_name(name), result, timeout=int(seconds)))

    def _asked(self, ask: Callable[[Any], Any]) -> Any:
        backend = caches["default"]
        if isinstance(backend, LocMemCache) or self.clock() < self._away_until:
            return None
        try:
            return ask(backend)
        except Exception as error:  # a cache is never the reason why there are no figures
            self._away_until = self.clock() + AWAY_S
            log.warning("shared_cache_away", error=f"{type(error).__name__}: {error}")
            return None


def _shared_name(name: str) -> str:
    """With the shape of an answer in it: a process of another release keeps its own."""
    from analytics.query.shapes import Group, Point, Result  # it imports this module by way of its package

    shape = key(*((kind.__name__, [item.name for item in fields(kind)]) for kind in (Result, Group, Point)))
    return f"analytics:{shape[:12]}:{name}"


@dataclass(slots=True)
class ResultCache:
    """Least recently used answers; while one is computed, others who ask the same wait for it."""

    lifetime_s: float = LIFETIME_S
    max_entries: int = MAX_ENTRIES
    clock: Callable[[], float] = time.monotonic
    shared: Shared | None = None
    _entries: OrderedDict[str, tuple[float, "Result"]] = field(default_factory=OrderedDict)
    _last: OrderedDict[str, "Result"] = field(default_factory=OrderedDict)
    _flights: dict[str, "Future[Result]"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str, compute: Callable[[], "Result"], *, last: str | None = None) -> "Result":
        """The cached answer or `compute()`, run once however many ask; its exception reaches all of them. `last`: the
        name of the question whatever the data version; when the source fails, its last answer is given as stale."""
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
            self._fly(name, flight, compute, last)
        return flight.result()

    def clear(self) -> None:
        """Forget what this process holds."""
        with self._lock:
            self._entries.clear()
            self._last.clear()

    def _fly(self, name: str, flight: "Future[Result]", compute: Callable[[], "Result"], last: str | None) -> None:
        try:
            result, is_new = self._found_or_computed(name, compute, last)
        except BaseException as error:
            with self._lock:
                self._flights.pop(name, None)
            flight.set_exception(error)
            return
        with self._lock:
            self._flights.pop(name, None)
            if not result.stale:
                self._keep(self._entries, name, (self.clock() + self.lifetime_s, result))
                if last:
                    self._keep(self._last, last, result)
        flight.set_result(result)
        if is_new and self.shared:
            self.shared.set(name, result, self.lifetime_s)
            if last:
                self.shared.set(last, result, STALE_FOR.total_seconds())

    def _found_or_computed(self, name: str, compute: Callable[[], "Result"], last: str | None) -> "tuple[Result, bool]":
        """The answer and whether it was computed just now."""
        known = self.shared.get(name) if self.shared else None
        if known is not None:
            return known, False
        try:
            return compute(), True
        except SOURCE_FAILURES as error:
            if patience.is_over(error):  # the source is well, the asker would not wait
                raise
            old = self._last_answer(last) if last else None
            if old is None:
                raise
            log.warning("stale_answer", error=f"{type(error).__name__}: {error}", generated_at=f"{old.generated_at}")
            return replace(old, stale=True), False

    def _last_answer(self, last: str) -> "Result | None":
        """At most an hour old."""
        with self._lock:
            known = [self._last.get(last)]
        if self.shared:
            known.append(self.shared.get(last))
        oldest = datetime.now(UTC) - STALE_FOR
        fresh = [result for result in known if result is not None and result.generated_at >= oldest]
        return max(fresh, key=lambda result: result.generated_at, default=None)

    def _keep(self, entries: "OrderedDict[str, Any]", name: str, value: object) -> None:
        entries[name] = value
        entries.move_to_end(name)
        while len(entries) > self.max_entries:
            entries.popitem(last=False)


RESULTS = ResultCache(shared=DjangoCache())
get = RESULTS.get
clear = RESULTS.clear
