"""Keeps the snapshot fresh: LISTEN plus a 1 s poll, deltas by version, all database work in one thread (rule 18)."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from gateway import heartbeats
from gateway.dataplane import clock, loading
from gateway.dataplane.protocols import Loader, Pricer, RefreshedLoader
from gateway.dataplane.views import Catalog, KeyView, Snapshot
from gateway.ledger.ids import uuid7

logger = logging.getLogger(__name__)
POLL_S = 1.0
STOP_S = 0.25
JOIN_S = 2.0
SLICE = 500
FULL_RELOAD_ABOVE = 5_000
KEY_ENTITIES = {"key": "k.id", "project": "k.project_id", "organization": "k.organization_id", "user": "k.user_id"}


@dataclass(slots=True)
class Delta:
    """What one poll found; applied on the event loop."""

    version: int
    is_full: bool = False
    gone_keys: list[str] = field(default_factory=list)
    keys: list[tuple[bytes, KeyView]] = field(default_factory=list)
    catalog: Catalog | None = None
    allowed: frozenset[str] | None = None
    extras: dict[str, object] = field(default_factory=dict)


class Keeper:
    """One thread per data-plane process. `report()` gives counters to store beside the heartbeat."""

    def __init__(
        self,
        snapshot: Snapshot,
        conninfo: str,
        pricer: Pricer,
        name: str,
        report: Callable[[], dict[str, Any]],
        loaders: Sequence[Loader] = (),
    ) -> None:
        self.snapshot = snapshot
        self.loaded = threading.Event()
        self.take_refused: Callable[[], dict[tuple[str, str], int]] = dict
        self.on_allowed: Callable[[frozenset[str]], None] = lambda _allowed: None
        self.on_poll: list[Callable[[psycopg.Connection[Any]], None]] = []
        self._conninfo = conninfo
        self._pricer = pricer
        self._name = name
        self._report = report
        self._loaders = loaders
        self._version = -1
        self._refresh_at: dict[str, float] = {}
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        """Wait until the thread has ended and its heartbeat is gone, but not for a database that is away. Blocking:
        the event loop must go on meanwhile."""
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    # ---- the thread ----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._serve()
            except psycopg.Error as error:
                logger.warning("configuration database away: %s", str(error).strip().split("\n")[0])
            except Exception:  # without this thread no change would ever arrive; a process that stood still gets here
                logger.exception("the configuration is read anew")
                self._version = -1
            # A connection that was cut is replaced at once, since a revocation may be waiting; one try a second.
            self._stop.wait(max(0.0, began + POLL_S - time.monotonic()))

    def _serve(self) -> None:
        options = "-c statement_timeout=10s -c idle_in_transaction_session_timeout=30s"
        with psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5, options=options) as connection:
            connection.execute("LISTEN gateway_config")
            while not self._stop.is_set():
                self._hand_over(self._poll(connection))
                self._beat(connection)
                self._store_refused(connection)
                for visit in self.on_poll:
                    visit(connection)
                self._wait(connection)
            heartbeats.forget(connection, self._row)

    def _wait(self, connection: psycopg.Connection[Any]) -> None:
        """Until the configuration changes, a poll is due, or the process ends."""
        due = time.monotonic() + POLL_S
        while not self._stop.is_set() and (left := due - time.monotonic()) > 0:
            if any(True for _ in connection.notifies(timeout=min(left, STOP_S), stop_after=1)):
                return

    @property
    def _row(self) -> str:
        """Name of the heartbeat's row."""
        return f"dataplane:{self._name}"

    def _poll(self, connection: psycopg.Connection[Any]) -> Delta:
        """Version and changed rows in one REPEATABLE READ snapshot."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            version = loading.version(connection)
            delta = Delta(version)
            if version != self._version:
                self._read_changes(connection, delta)
            self._refresh(connection, delta)
        self._version = version
        return delta

    def _read_changes(self, connection: psycopg.Connection[Any], delta: Delta) -> None:
        changes = loading.changes(connection, self._version, FULL_RELOAD_ABOVE + 1) if self._version >= 0 else None
        if changes is None or len(changes) > FULL_RELOAD_ABOVE or delta.version - self._version != len(changes):
            delta.is_full = True
            delta.keys = loading.keys(connection)
        else:
            self._read_key_changes(connection, delta, changes)
        entities = {entity for entity, _ in changes or ()}
        if delta.is_full or entities - {"key"}:
            delta.catalog = loading.catalog(connection)
            delta.allowed = loading.allowed_upstreams(connection)
            self._pricer.reload(connection)
        for loader in self._loaders:
            if delta.is_full or not loader.entities or entities & loader.entities:
                delta.extras[loader.name] = loader.load(connection)

    def _refresh(self, connection: psycopg.Connection[Any], delta: Delta) -> None:
        now = time.monotonic()
        for loader in self._loaders:
            if isinstance(loader, RefreshedLoader):
                if loader.name not in delta.extras and now >= self._refresh_at.get(loader.name, 0.0):
                    delta.extras[loader.name] = loader.load(connection)
                if loader.name in delta.extras:
                    self._refresh_at[loader.name] = now + loader.refresh_s

    def _read_key_changes(
        self, connection: psycopg.Connection[Any], delta: Delta, changes: Iterable[tuple[str, str]]
    ) -> None:
        by_entity: dict[str, set[str]] = {}
        for entity, identity in changes:
            by_entity.setdefault(entity, set()).add(identity)
        for entity, column in KEY_ENTITIES.items():
            if ids := by_entity.get(entity):
                delta.gone_keys += loading.key_ids(connection, column, sorted(ids)) + (
                    sorted(ids) if entity == "key" else []
                )
                delta.keys += loading.keys(connection, column, sorted(ids))

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        self._agree_on_time(connection)
        info = {"version": self._version, **self._report()}
        heartbeats.write(connection, self._row, info)
        heartbeats.take_over(connection, self._row, info["place"])
        connection.execute("UPDATE gateway_spoolcursor SET owner_seen_at = now() WHERE spool_id = %s", [self._name])

    def _agree_on_time(self, connection: psycopg.Connection[Any]) -> None:
        sent = time.monotonic_ns()
        row = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone()
        assert row is not None
        clock.agree(row[0] * 1000, sent, time.monotonic_ns())

    def _store_refused(self, connection: psycopg.Connection[Any]) -> None:
        """Unauthenticated calls since the last poll, one row a prefix and address (never one a request)."""
        rows = [(uuid7(), prefix, bytes.fromhex(ip), count) for (prefix, ip), count in self.take_refused().items()]
        if rows:
            connection.cursor().executemany(
                "INSERT INTO gateway_securityevent (id, at, kind, prefix, client_ip_hash, count) "
                "VALUES (%s, now(), 'invalid_key', %s, %s, %s)",
                rows,
            )

    # ---- the event loop --------------------------------------------------------------------------------------------
    def _hand_over(self, delta: Delta) -> None:
        assert self._loop is not None
        try:
            done = asyncio.run_coroutine_threadsafe(self._apply(delta), self._loop)
        except RuntimeError:  # the loop has closed: the process is going
            self._stop.set()
            return
        done.result(timeout=30)
        self.loaded.set()

    async def _apply(self, delta: Delta) -> None:
        """In small slices, so that a large change never holds up a call."""
        snapshot = self.snapshot
        if delta.is_full:
            gone = [key for key in snapshot.digests if key not in {view.id for _, view in delta.keys}]
            delta.gone_keys = gone
        for key_id in delta.gone_keys:
            snapshot.drop_key(key_id)
        for start in range(0, len(delta.keys), SLICE):
            for digest, view in delta.keys[start : start + SLICE]:
                snapshot.put_key(digest, view)
            await asyncio.sleep(0)
        if delta.catalog is not None:
            snapshot.catalog = delta.catalog
        if delta.allowed is not None:
            snapshot.allowed_upstreams = delta.allowed
            self.on_allowed(delta.allowed)
        snapshot.extras = snapshot.extras | delta.extras
        snapshot.version = delta.version
        snapshot.confirmed_at = time.monotonic()
