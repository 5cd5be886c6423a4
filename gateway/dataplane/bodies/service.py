"""A thread that redacts, encrypts and stores bodies. Bounded: when it falls behind, bodies are dropped and counted."""

import logging
import queue
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings

from gateway import credentials
from gateway.dataplane.bodies import redaction
from gateway.dataplane.bodies.capture import Captured
from gateway.ledger.ids import uuid7

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
MAX_WAITING_BYTES = 64 * 1024 * 1024
BATCH = 50
RETRY_S = 1.0
INSERT_SQL = """
INSERT INTO gateway_loggedbody
  (id, organization, project, api_key, request_id, logged_at, expires_at, endpoint, request, response, is_truncated)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


class BodyService:
    """A `Service`. The thread starts with the first body, so that an installation without policies has none."""

    name = "bodies"

    def __init__(self, runtime: "Runtime") -> None:
        self.stored = 0
        self.dropped = 0
        self._waiting: queue.SimpleQueue[Captured | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._thread: threading.Thread | None = None
        self._is_closing = False

    async def start(self) -> None:
        """Nothing to open before there is something to store."""

    async def close(self) -> None:
        """Store what waits, for a moment: bodies are kept at best effort, lines are not."""
        self._is_closing = True
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout=3)

    def offer(self, captured: Captured) -> None:
        """Never blocks; drops when too much is waiting."""
        if self._waiting_bytes + captured.size > MAX_WAITING_BYTES:
            self.dropped += 1
            return
        self._waiting_bytes += captured.size
        self._waiting.put(captured)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="bodies", daemon=True)
            self._thread.start()

    # ---- the thread ------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        rows: list[tuple[Any, ...]] = []
        while True:
            rows += self._next_rows()
            try:
                self._store(rows)
                rows = []
            except psycopg.Error as error:
                logger.warning("bodies wait for the database: %s", str(error).strip().split("\n")[0])
                if self._is_closing:
                    return
                time.sleep(RETRY_S)
            if self._is_closing and self._waiting.empty():
                return

    def _next_rows(self) -> list[tuple[Any, ...]]:
        """Waits for the first body, then takes what else is there."""
        rows: list[tuple[Any, ...]] = []
        captured = self._waiting.get()
        while captured is not None:
            self._waiting_bytes -= captured.size
            try:
                rows.append(_row(captured))
            except Exception:  # a body we cannot read must not stop the others
                self.dropped += 1
                logger.exception("the bodies of %s cannot be stored", captured.request_id)
            if len(rows) >= BATCH or self._waiting.empty():
                break
            captured = self._waiting.get()
        return rows

    def _store(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        options = "-c statement_timeout=10s"
        with psycopg.connect(settings.DATABASE_DIRECT_URL, connect_timeout=5, options=options) as connection:
            connection.cursor().executemany(INSERT_SQL, rows)
        self.stored += len(rows)

    # ---- figures -------------------------------------------------------------------------------------------------
    def report(self) -> dict[str, Any]:
        return {}

    def metrics(self) -> list[str]:
        return [
            "# TYPE gateway_bodies_total counter",
            f'gateway_bodies_total{{result="stored"}} {self.stored}',
            f'gateway_bodies_total{{result="dropped"}} {self.dropped}',
        ]


def _row(captured: Captured) -> tuple[Any, ...]:
    request, is_cut = redaction.request_text(captured.fields, captured.limit_bytes)
    response = redaction.response_text(captured.response, captured.dialect, is_stream=captured.is_stream)
    at = datetime.fromtimestamp(captured.at, UTC)
    return (
        uuid7(), captured.organization, captured.project, captured.api_key, captured.request_id, at,
        at + timedelta(days=captured.retention_days), captured.endpoint, credentials.encrypt(request),
        credentials.encrypt(response), captured.is_truncated or is_cut,
    )  # fmt: skip
