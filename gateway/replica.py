"""The read replica of analytics: how far it is behind, whether it is used, and a snapshot on it.

How far behind is measured without comparing clocks: this process remembers where the primary's log was and when, and
looks which of these points the replica has replayed. It holds whether replaying is slow, paused, or nothing arrives.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction

ALIAS = "replica"
PRIMARY = "default"
ASKED_EVERY_S = 1.0
AWAY_S = 5.0
"""How long a replica that failed is not asked again."""
REMEMBERED = 600
_POSITION = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
_REPLAYED = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() - '0/0'::pg_lsn"
FAILURES = (DatabaseError, InterfaceError)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """`lag_s`: None while it is not known, or not a replica any more. `reason`: why it is not used, empty if it is."""

    lag_s: float | None
    reason: str


@dataclass(slots=True)
class Watch:
    """What this process knows of the replica. Asks both servers at most once a second, one thread at a time; others
    take what is known."""

    clock: Callable[[], float] = time.monotonic
    points: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    known: State = State(None, "not asked yet")
    asked_at: float = float("-inf")
    away_until: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> State:
        """Two statements at most."""
        now = self.clock()
        if now < self.away_until or now - self.asked_at < ASKED_EVERY_S or not self.lock.acquire(blocking=False):
            return self.known
        try:
            self.asked_at = now
            self.known = self._ask(now)
        except FAILURES as error:
            self.failed(error)
        finally:
            self.lock.release()
        return self.known

    def failed(self, error: BaseException) -> None:
        """It broke off: for some seconds the primary answers."""
        self.away_until = self.clock() + AWAY_S
        words = str(error).strip() or repr(error)
        self.known = State(None, f"does not answer: {words.splitlines()[0]}")
        log.warning("replica_away", error=words)

    def _ask(self, now: float) -> State:
        self.points.append((now, int(_one(PRIMARY, _POSITION)[0])))
        is_replica, replayed = _one(ALIAS, _REPLAYED)
        if not is_replica:
            return State(None, "is not a replica any more")
        lag = self._lag(now, int(replayed))
        if lag is None:
            return State(None, "behind by more than is known yet")
        most = settings.REPLICA_MAX_LAG_SECONDS
        return State(lag, "" if lag <= most else f"{lag:.1f} s behind; {most:g} s are allowed")

    def _lag(self, now: float, replayed: int) -> float | None:
        """Since the newest point that is replayed; None when none of those remembered is."""
        for at, position in reversed(self.points):
            if position <= replayed:
                return now - at
        return None


_watch = Watch()


def is_configured() -> bool:
    return ALIAS in connections.databases


def state() -> State | None:
    """None without a replica."""
    return _watch.state() if is_configured() else None


def is_usable() -> bool:
    """Whether its lag is known and allowed."""
    found = state()
    return found is not None and not found.reason


@contextmanager
def snapshot() -> Iterator[Any]:
    """A cursor on the replica whose statements all see one snapshot. Tell `gave_up` of what it raises."""
    with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield cursor


def gave_up(error: BaseException) -> None:
    """A statement on the replica failed."""
    _watch.failed(error)
    connections[ALIAS].close()


def forget() -> None:
    """Know nothing, as at the start of the process."""
    _watch.points.clear()
    _watch.known, _watch.asked_at, _watch.away_until = State(None, "not asked yet"), float("-inf"), float("-inf")


def _one(alias: str, statement: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
