"""Migrations under traffic: one run at a time, and in nobody's way for longer than two seconds.

`ALTER TABLE` waits for whoever reads the table, and everybody who comes later waits behind it. So it gives up soon and
is tried again: the release that is running goes on meanwhile. Past PgBouncer, where a session is one's own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog
from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

log = structlog.get_logger(__name__)
LOCK_TIMEOUT = "2s"
PATIENCE_S = 300.0
LONGEST_PAUSE_S = 5.0
PLACE = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
TURN_S = 1.0
_TURN = "SELECT pg_try_advisory_lock(hashtextextended('llm-gateway migrations', 0))"
"""Tried and not waited for: an index that is built beside traffic waits for every statement that began before it."""
_GIVEN_UP = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


def migrate() -> int:
    """Apply what is not applied yet; the number of migrations. Nothing but two reads when there is none. Raises
    OperationalError when a table is not free for five minutes."""
    if not _plan():
        return 0
    with psycopg.connect(settings.DATABASE_DIRECT_URL, autocommit=True, connect_timeout=5) as turn:
        while turn.execute(_TURN).fetchone() != (True,):  # it ends with the connection
            time.sleep(TURN_S)
        with _direct():
            waiting = len(_plan())  # who had the turn before may have done it
            _until_free()
        return waiting


def _plan() -> list[object]:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return list(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _until_free() -> None:
    deadline, pause = time.monotonic() + PATIENCE_S, 0.5
    while True:
        try:
            _apply()
            return
        except OperationalError as error:
            if not isinstance(error.__cause__, _GIVEN_UP) or time.monotonic() > deadline:
                raise
            log.info("migration_waits", reason=str(error).strip().splitlines()[0], pause_s=pause)
        time.sleep(pause)
        pause = min(LONGEST_PAUSE_S, 2 * pause)


def _apply() -> None:
    """Each migration is a transaction of its own: those before one that gave up stay."""
    call_command("migrate", interactive=False, verbosity=0)


@contextmanager
def _direct() -> Iterator[None]:
    """The default connection is a session of its own that waits two seconds for a lock."""
    former = connections[DEFAULT_DB_ALIAS]
    found = psycopg.conninfo.conninfo_to_dict(settings.DATABASE_DIRECT_URL)
    place = {key: found.pop(name, "") for key, name in PLACE.items()}
    options = {**found, "connect_timeout": 5, "options": f"-c lock_timeout={LOCK_TIMEOUT}"}
    changed = {**former.settings_dict, **place, "OPTIONS": options}
    connections[DEFAULT_DB_ALIAS] = type(former)(changed, DEFAULT_DB_ALIAS)
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        connections[DEFAULT_DB_ALIAS] = former
