"""The ledger writer: moves every spool into the ledger, exactly once, and adopts the spools of dead owners.

Runs as its own process (`manage.py write_ledger`) on each host that has spools. Any number may run: the cursor row
is locked and compared in the transaction that books (rule 9).
"""

import contextlib
import gc
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import psycopg
from structlog.contextvars import bound_contextvars

from gateway import heartbeats
from gateway.ledger import spool
from gateway.ledger.booking import NAMED, Booked, book, book_frames, quarantine
from gateway.ledger.effects import MINUTE_MS
from gateway.ledger.frames import UNREADABLE, Encoded, encode
from gateway.ledger.hooks import close_spool
from gateway.ledger.ids import EPOCH, ms_of_text
from gateway.ledger.lines import decode_body, prepared
from gateway.ledger.partitions import ensure_partitions
from gateway.ledger.reader import SpoolReader, Step, interrupted_line
from gateway.otlp import local
from gateway.places import Place

logger = logging.getLogger(__name__)
BATCH_LINES = 5_000
IDLE_S = 0.1
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0)
HEARTBEAT_S = 2.0
PRUNE_S = 60.0

PriceInterrupted = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
"""`(line, begun) → price columns` for an interrupted attempt's estimated usage."""


def tune_interpreter() -> None:
    """Settings of the process as a whole, so its owner calls this.

    Cyclic garbage collection becomes rare: thousands of lines live at once and none of them is part of a cycle; with
    Python's own thresholds it takes a third of the time. Threads take turns every half millisecond instead of every
    five: the one that feeds the server otherwise waits longer for its turn than the server has work in its socket.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    sys.setswitchinterval(0.0005)


class StaleCursorError(Exception):
    """Another writer moved this spool on; read its position again."""


@dataclass(slots=True)
class Writer:
    """One writer over all spools under `root`. `price` prices the estimates of interrupted attempts. Without a `place`
    it gives no sign of life."""

    root: Path
    conninfo: str
    price: PriceInterrupted
    batch_lines: int = BATCH_LINES
    place: Place | None = None
    _connection: psycopg.Connection[Any] | None = None
    _readers: dict[str, SpoolReader] = field(default_factory=dict)
    _months: set[str] = field(default_factory=set)
    _beat: float = 0.0
    _pruned_at: float = 0.0
    _caught_up_at: float = field(default_factory=time.monotonic)
    _is_behind: bool = False
    _reading: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "read-ahead"))

    def run(self, stopping: Callable[[], bool]) -> None:
        """Book until `stopping()`; a lost database is waited for, the spools keep what comes meanwhile.

        Between two passes there is a pause unless lines pile up: what comes in it is booked in one transaction, which
        costs a fraction of as many small ones.
        """
        failures = 0
        while not stopping():
            self._touch()
            try:
                self.run_once()
                failures = 0
            except psycopg.OperationalError as error:
                self._disconnect()
                pause = BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
                failures += 1
                logger.warning("database away, next try in %.1f s: %s", pause, str(error).strip().split("\n")[0])
                time.sleep(pause)
                continue
            if not self._is_behind:
                time.sleep(IDLE_S)
        self._end()

    def run_once(self) -> int:
        """One pass over all spools, each to the end that it has when its turn comes; returns how many steps were
        committed."""
        connection = self.connect()
        steps, self._is_behind = 0, False
        for folder in sorted(path for path in self.root.glob("*") if path.is_dir()):
            steps += self._drain(connection, folder)
        self._caught_up_at = time.monotonic()
        self._heartbeat(connection)
        return steps

    def connect(self) -> psycopg.Connection[Any]:
        """The writer's connection, made anew when it was lost."""
        if self._connection is None or self._connection.closed:
            options = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
            self._connection = psycopg.connect(self.conninfo, autocommit=True, connect_timeout=5, options=options)
            self._readers.clear()
            self._months.clear()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._readers.clear()

    # ---- one spool ---------------------------------------------------------------------------------------------
    def _drain(self, connection: psycopg.Connection[Any], folder: Path) -> int:
        reader = self._reader(connection, folder)
        if reader is None:
            return 0
        steps = 0
        try:
            batch = self._next(reader)
            while batch is not None:
                # a large step has successors: the next one is read and encoded while the server works on this one
                is_large = len(batch.step.bodies) * 2 >= self.batch_lines
                ahead = self._reading.submit(self._next, reader, batch.step) if is_large else None
                self._is_behind = self._is_behind or is_large
                self._commit(connection, reader, batch)
                self._heartbeat(connection)
                steps += 1
                if ahead is not None:
                    batch = ahead.result()
                else:  # a small one was all there was; what came meanwhile waits, or the other spools would
                    batch = self._next(reader) if reader.has_rolled else None
            steps += self._adopt_if_orphaned(connection, reader)
        except StaleCursorError:
            self._readers.pop(folder.name, None)
        return steps

    def _next(self, reader: SpoolReader, after: Step | None = None, *, is_over: bool = False) -> "_Frames | None":
        """What `reader.read` proposes, ready to be booked. Touches no state, so that it may run in another thread."""
        step = reader.read(self.batch_lines, after, is_over=is_over)
        if step is None:
            return None
        return _Frames(step, encode(step.bodies, datetime.now(UTC).isoformat()))

    def _reader(self, connection: psycopg.Connection[Any], folder: Path) -> SpoolReader | None:
        if folder.name not in self._readers:
            row = connection.execute(
                'INSERT INTO gateway_spoolcursor (spool_id, segment, "offset", lines, registered_at) '
                "VALUES (%s, 0, 0, 0, now()) ON CONFLICT (spool_id) DO UPDATE SET spool_id = excluded.spool_id "
                'RETURNING segment, "offset", closed_at',
                [folder.name],
            ).fetchone()
            assert row is not None
            if row[2] is not None:
                if not _is_alive_or_unread(folder, row[0], row[1]):  # booked, but the folder outlived a crash
                    shutil.rmtree(folder, ignore_errors=True)
                    return None
                connection.execute("UPDATE gateway_spoolcursor SET closed_at = NULL WHERE spool_id = %s", [folder.name])
                logger.error("spool %s was given up and is there again: it is booked", folder.name)
            self._readers[folder.name] = SpoolReader(folder, row[0], row[1])
        return self._readers[folder.name]

    def _commit(self, connection: psycopg.Connection[Any], reader: SpoolReader, batch: "_Batch") -> Booked:
        """Lines and cursor in one transaction; fenced by the cursor's old value."""
        step, name = batch.step, reader.folder.name
        with (
            bound_contextvars(spool=name, batch=f"{step.segment}:{step.offset}"),
            local.spanning("writer", "book") as span,
        ):
            if span is not None:
                span.attributes = {"gateway.spool": name, "gateway.batch": f"{step.segment}:{step.offset}"}
            booked = self._booked(connection, reader, batch)
            if span is not None:
                span.attributes |= {"gateway.lines": booked.new, "gateway.duplicates": booked.duplicates,
                                    "gateway.quarantined": booked.quarantined}  # fmt: skip
            if booked.quarantined:
                with _naming(booked.quarantined_requests):
                    logger.error("quarantined %d lines of spool %s", booked.quarantined, name)
            return booked

    def _booked(self, connection: psycopg.Connection[Any], reader: SpoolReader, batch: "_Batch") -> Booked:
        step, name = batch.step, reader.folder.name
        self._ensure_partitions(connection, batch.times())
        with connection.transaction():
            row = connection.execute(
                'SELECT segment, "offset" FROM gateway_spoolcursor '
                "WHERE spool_id = %s AND closed_at IS NULL FOR UPDATE",
                [name],
            ).fetchone()
            if row is None or (row[0] or 1, row[1]) != (reader.segment, reader.offset):
                raise StaleCursorError(name)
            booked = batch.book(connection, f"spool:{name}")
            connection.execute(
                'UPDATE gateway_spoolcursor SET segment = %s, "offset" = %s, lines = lines + %s, booked_at = now() '
                "WHERE spool_id = %s",
                [step.segment, step.offset, booked.new, name],
            )
        reader.accept(step)
        return booked

    def _ensure_partitions(self, connection: psycopg.Connection[Any], times: Iterable[datetime]) -> None:
        missing = [at for at in times if f"{at:%Y-%m}" not in self._months]
        if missing or not self._months:
            ensure_partitions(connection, missing)
            self._months |= {f"{at:%Y-%m}" for at in missing} | {f"{datetime.now(UTC):%Y-%m}"}

    # ---- a dead owner's spool ----------------------------------------------------------------------------------
    def _adopt_if_orphaned(self, connection: psycopg.Connection[Any], reader: SpoolReader) -> int:
        """When the owner is gone: book what it still wrote, then its open attempts as `interrupted`, then close."""
        lock = spool.try_adopt(reader.folder)
        if lock is None:
            return 0
        try:
            steps = 0
            while batch := self._next(reader, is_over=True):  # written between our last look and its death
                self._commit(connection, reader, batch)
                steps += 1
            if reader.is_foreign:
                logger.error("spool %s is of another release's format and waits for its writer", reader.folder.name)
                return steps
            self._close(connection, reader)
            return steps + 1
        finally:
            os.close(lock)

    def _close(self, connection: psycopg.Connection[Any], reader: SpoolReader) -> None:
        name, batch = reader.folder.name, self._interrupted(reader)
        with connection.transaction():
            self._commit(connection, reader, batch)
            connection.execute("UPDATE gateway_spoolcursor SET closed_at = now() WHERE spool_id = %s", [name])
            close_spool(connection, name)
        self._readers.pop(name, None)
        shutil.rmtree(reader.folder, ignore_errors=True)
        with _naming(list(dict.fromkeys(line["request_id"] for line in batch.lines))[:NAMED]):
            logger.info("adopted spool %s: %d interrupted attempts", name, len(batch.lines))

    def _interrupted(self, reader: SpoolReader) -> "_Interrupted":
        """The priced lines of all open attempts."""
        batch, now = _Interrupted(Step(reader.segment, reader.offset, {})), datetime.now(UTC).isoformat()
        for attempt, body in reader.open_attempts.items():
            identity = attempt.decode("ascii", "replace")
            try:
                begun = decode_body(body)
                line = interrupted_line(identity, begun)
                batch.lines.append(prepared(line | dict(self.price(line, begun)), now))
            except UNREADABLE as error:
                batch.unreadable.append((f"interrupted:{identity}", body, f"not a begun attempt: {error!r}"))
        return batch

    # ---- signs of life -----------------------------------------------------------------------------------------
    def _touch(self) -> None:
        if self.place is not None:
            self.place.touch()

    def _heartbeat(self, connection: psycopg.Connection[Any]) -> None:
        """`lag_s` is the time since every spool was last read to its end."""
        if self.place is None or time.monotonic() - self._beat < HEARTBEAT_S:
            return
        self._touch()
        self._beat = time.monotonic()
        lag_s = round(self._beat - self._caught_up_at, 1)
        info = heartbeats.about(self.place) | {"spools": len(self._readers), "lag_s": lag_s}
        heartbeats.write(connection, self.place.name, info)
        if self._beat - self._pruned_at >= PRUNE_S or not self._pruned_at:
            self._pruned_at = self._beat
            heartbeats.take_over(connection, self.place.name, self.place.id)
            heartbeats.prune(connection)

    def _end(self) -> None:
        """Stopped as it should be: nobody is to miss it."""
        if self.place is not None and self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                heartbeats.forget(self._connection, self.place.name)
        self._disconnect()


def _naming(requests: list[str]) -> contextlib.AbstractContextManager[None]:
    """Log lines within have the field `request_ids`: of several requests `request_id` cannot name one."""
    return bound_contextvars(request_ids=requests) if requests else contextlib.nullcontext()


def _is_alive_or_unread(folder: Path, segment: int, offset: int) -> bool:
    """Whether a data plane still has the spool, or something stands in it behind what is booked."""
    lock = spool.try_adopt(folder)
    if lock is None:
        return True
    try:
        return SpoolReader(folder, segment, offset).read(1, is_over=True) is not None
    finally:
        os.close(lock)


class _Batch(Protocol):
    """What one transaction books, and the step it completes."""

    @property
    def step(self) -> Step: ...

    def times(self) -> Iterable[datetime]:
        """Instants that the months of all its lines are among."""

    def book(self, connection: psycopg.Connection[Any], source: str) -> Booked:
        """Into the open transaction."""


@dataclass(frozen=True, slots=True)
class _Frames:
    """Settled frames, encoded beforehand."""

    step: Step
    encoded: Encoded

    def times(self) -> Iterable[datetime]:
        minutes = {minute for _, minute in self.encoded.effects.minutes}
        return [EPOCH + timedelta(milliseconds=minute * MINUTE_MS) for minute in minutes]

    def book(self, connection: psycopg.Connection[Any], source: str) -> Booked:
        step = self.step
        booked = book_frames(connection, step.bodies, self.encoded, source=source, positions=step.positions)
        for offset, data in step.damaged:
            quarantine(connection, source, f"{step.segment}:{offset}", data, "damaged on the disk: not a frame")
            booked.set_aside(data)
        return booked


@dataclass(frozen=True, slots=True)
class _Interrupted:
    """Lines of attempts that will never be settled; `unreadable`: begin frames (position, body, reason) without."""

    step: Step
    lines: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[tuple[str, bytes, str]] = field(default_factory=list)

    def times(self) -> Iterable[datetime]:
        return [EPOCH + timedelta(milliseconds=ms_of_text(line["id"])) for line in self.lines]

    def book(self, connection: psycopg.Connection[Any], source: str) -> Booked:
        positions = [f"interrupted:{line['id']}" for line in self.lines]
        booked = book(connection, self.lines, source=source, positions=positions)
        for position, body, reason in self.unreadable:
            quarantine(connection, source, position, body, reason)
            booked.set_aside(body)
        return booked
