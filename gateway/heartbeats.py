"""Signs of life in the database: one row a process, named by its place, gone when the process ends as it should.

What is killed leaves its row, which rings until a process takes the place again, or for a day. No ORM.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import orjson
import psycopg

from gateway import keyring
from gateway.places import Place

KINDS = ("dataplane", "writer", "background", "beat", "console")
KEPT = timedelta(days=1)
"""How long the row of a process that was killed is kept, if others of its kind live."""
BEAT_S = 10.0
CLOSE_WITHIN_S = 3.0
OPTIONS = "-c statement_timeout=5s"
logger = logging.getLogger(__name__)


def kind_of(name: str) -> str:
    """Of the process whose row has this name."""
    return name.partition(":")[0]


def write(connection: psycopg.Connection[Any], name: str, info: Mapping[str, Any]) -> None:
    """This process lives now."""
    connection.execute(
        "INSERT INTO gateway_heartbeat (name, at, info) VALUES (%s, now(), %s::jsonb) "
        "ON CONFLICT (name) DO UPDATE SET at = excluded.at, info = excluded.info",
        [name, orjson.dumps(info).decode()],
    )


def about(place: Place) -> dict[str, Any]:
    """What every process says of itself."""
    return {
        "pid": os.getpid(), "host": socket.gethostname(), "place": place.id, "field_keys": keyring.known_ids(),
    }  # fmt: skip


def take_over(connection: psycopg.Connection[Any], name: str, place_id: str) -> None:
    """Whoever had the place before is dead: its row goes, if it had another name. One of another host that lives works
    over a copy of this folder."""
    connection.execute(
        "DELETE FROM gateway_heartbeat WHERE name <> %s AND split_part(name, ':', 1) = %s AND info ->> 'place' = %s "
        "AND (info ->> 'host' = %s OR at < now() - interval '30 seconds')",
        [name, kind_of(name), place_id, socket.gethostname()],
    )


def forget(connection: psycopg.Connection[Any], name: str) -> None:
    """This process has ended as it should."""
    connection.execute("DELETE FROM gateway_heartbeat WHERE name = %s", [name])


def prune(connection: psycopg.Connection[Any]) -> None:
    """Remove rows that are silent for a day, but for the last of a kind; and those without a place, which a release
    before this one wrote."""
    connection.execute(
        "DELETE FROM gateway_heartbeat old WHERE split_part(name, ':', 1) = ANY(%s) "
        "AND at < now() - CASE WHEN info ? 'place' THEN %s ELSE interval '1 minute' END "
        "AND EXISTS (SELECT FROM gateway_heartbeat live WHERE live.at > now() - interval '1 minute' "
        "AND split_part(live.name, ':', 1) = split_part(old.name, ':', 1))",
        [list(KINDS), KEPT],
    )


class Heart:
    """A thread that writes the row of a process every ten seconds, on a connection of its own that is closed between:
    a database that is away for a while is no reason to end. `info`: what there is to say beside `about`."""

    def __init__(self, place: Place, conninfo: str, info: Callable[[], Mapping[str, Any]] = dict) -> None:
        self._place = place
        self._conninfo = conninfo
        self._info = info
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        _hearts.append(self)
        self._thread.start()

    def stop(self, *, is_clean: bool = True) -> None:
        """No more beats. `is_clean`: the process ends as it should, so its row goes."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN_S)
        if is_clean:
            self._with_connection(lambda connection: forget(connection, self._place.name))

    def _run(self) -> None:
        while True:
            self._with_connection(self._beat)
            if self._ended.wait(BEAT_S):
                return

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        write(connection, self._place.name, about(self._place) | dict(self._info()))
        take_over(connection, self._place.name, self._place.id)

    def _with_connection(self, work: Callable[[psycopg.Connection[Any]], None]) -> None:
        try:
            with psycopg.connect(self._conninfo, autocommit=True, connect_timeout=3, options=OPTIONS) as connection:
                work(connection)
        except psycopg.Error as error:
            logger.debug("no heartbeat: %s", str(error).strip().split("\n")[0])


_hearts: list[Heart] = []


def stop_all() -> None:
    """The process ends as it should."""
    while _hearts:
        _hearts.pop().stop()
