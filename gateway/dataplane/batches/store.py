"""Whose file or batch an id is, and where: rows of `gateway_providerobject`, read and written in threads.

A few connections at most; what comes beyond waits. Calls of models never wait for these.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.conf import settings
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from gateway.dataplane.errors import ApiError
from gateway.ledger.ids import uuid7

MAX_CONNECTIONS = 4
FILE, BATCH = "file", "batch"
TERMINAL = ("completed", "failed", "expired", "cancelled")
COLUMNS = (
    "id, kind, object_id, organization_id::text AS organization, project_id::text AS project, "
    "provider_id::text AS provider, model, model_served, upstream_name, endpoint, status, content, called_by, "
    "line_id::text AS line_id, settled_at IS NOT NULL AS is_settled"
)
FIND_SQL = f"SELECT {COLUMNS} FROM gateway_providerobject WHERE project_id = %s AND kind = %s AND object_id = %s"  # noqa: S608  (columns of ours)
PAGE_SQL = f"""
SELECT {COLUMNS} FROM gateway_providerobject WHERE project_id = %(project)s AND kind = %(kind)s
  AND (%(after)s = '' OR id {{beyond}} (
    SELECT id FROM gateway_providerobject WHERE project_id = %(project)s AND kind = %(kind)s AND object_id = %(after)s))
  AND (%(place)s::uuid IS NULL OR id {{beyond}} %(place)s)
  AND (%(purpose)s = '' OR content->>'purpose' = %(purpose)s)
ORDER BY id {{order}} LIMIT %(limit)s
"""  # noqa: S608
NEWEST_SQL = PAGE_SQL.format(beyond="<", order="DESC")
OLDEST_SQL = PAGE_SQL.format(beyond=">", order="ASC")
INSERT_SQL = """
INSERT INTO gateway_providerobject (id, created_at, updated_at, kind, object_id, organization_id, project_id,
  provider_id, model, model_served, upstream_name, endpoint, status, content, called_by, line_id)
VALUES (%s, now(), now(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (project_id, kind, object_id) DO UPDATE SET status = excluded.status, content = excluded.content,
  updated_at = now()
"""
SEEN_SQL = """
UPDATE gateway_providerobject SET status = %s, content = %s, checked_at = now(), updated_at = now(),
  settled_at = CASE WHEN %s THEN coalesce(settled_at, now()) ELSE settled_at END
WHERE id = %s
"""
DELETE_SQL = "DELETE FROM gateway_providerobject WHERE id = %s"
# Claimed by looking at them: of several processes one gets a row, and another one later should this one die.
CLAIM_SQL = f"""
UPDATE gateway_providerobject SET checked_at = now() WHERE id IN (
  SELECT id FROM gateway_providerobject WHERE kind = 'batch' AND settled_at IS NULL
    AND (checked_at IS NULL OR checked_at < now() - %s * interval '1 second')
  ORDER BY checked_at NULLS FIRST LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING {COLUMNS}
"""  # noqa: S608
Row = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """A row. `provider` is the provider's id; `content` the object as the provider last described it."""

    id: Any
    kind: str
    object_id: str
    organization: str
    project: str
    provider: str
    model: str
    model_served: str
    upstream_name: str
    endpoint: str
    status: str
    content: dict[str, Any]
    called_by: dict[str, Any]
    line_id: str | None
    is_settled: bool


class Store:
    """Raises `ApiError` 503 while the database is away."""

    def __init__(self) -> None:
        self._gate = asyncio.Semaphore(MAX_CONNECTIONS)

    async def find(self, project: str, kind: str, object_id: str) -> Stored | None:
        if len(object_id) > 200 or "\x00" in object_id:
            return None
        rows = await self._run(lambda connection: connection.execute(FIND_SQL, [project, kind, object_id]).fetchall())
        return Stored(**rows[0]) if rows else None

    async def page(
        self, project: str, kind: str, after: str, limit: int, *, place: UUID | None = None, purpose: str = "",
        oldest_first: bool = False,
    ) -> tuple[list[Stored], bool]:  # fmt: skip
        """`(newest first, whether there are more)`; `place`: behind that id, of whichever table."""
        values = {"project": project, "kind": kind, "after": after.replace("\x00", ""), "limit": limit + 1,
                  "place": place, "purpose": purpose.replace("\x00", "")}  # fmt: skip
        sql = OLDEST_SQL if oldest_first else NEWEST_SQL
        rows = await self._run(lambda connection: connection.execute(sql, values).fetchall())
        return [Stored(**row) for row in rows[:limit]], len(rows) > limit

    async def ready(self) -> None:
        """Raises before anything is made that could not be written down."""
        await self._run(lambda connection: connection.execute("SELECT 1").fetchall())

    async def add(self, *found: Stored) -> None:
        rows = [_values(one) for one in found]
        await self._run(lambda connection: connection.cursor().executemany(INSERT_SQL, rows))

    async def seen(self, one: Stored, content: dict[str, Any], *, is_settled: bool) -> None:
        """What the provider says of it now; settled: nothing is left to be booked."""
        values = [str(content.get("status", ""))[:20], Jsonb(content), is_settled, one.id]
        await self._run(lambda connection: connection.execute(SEEN_SQL, values))

    async def remove(self, one: Stored) -> None:
        await self._run(lambda connection: connection.execute(DELETE_SQL, [one.id]))

    async def claim(self, unseen_s: float, limit: int) -> Sequence[Stored]:
        """Batches with something left to be booked that nobody looked at for a while."""
        rows = await self._run(lambda connection: connection.execute(CLAIM_SQL, [unseen_s, limit]).fetchall())
        return [Stored(**row) for row in rows]

    async def _run(self, work: "Callable[[psycopg.Connection[Any]], T]") -> T:
        async with self._gate:
            try:
                return await asyncio.to_thread(_connected, work)
            except psycopg.Error as error:
                message = "The gateway cannot look up files and batches right now."
                raise ApiError(503, "storage_unavailable", message, kind="api_error",
                               headers={"Retry-After": "5"}) from error  # fmt: skip


def _connected(work: "Callable[[psycopg.Connection[Any]], T]") -> T:
    options = "-c statement_timeout=10s"
    with psycopg.connect(
        settings.DATABASE_DIRECT_URL, connect_timeout=5, options=options, row_factory=dict_row
    ) as connection:
        return work(connection)


def _values(one: Stored) -> list[Any]:
    return [
        one.id, one.kind, one.object_id, one.organization, one.project, one.provider, one.model, one.model_served,
        one.upstream_name, one.endpoint, one.status, Jsonb(one.content), Jsonb(one.called_by), one.line_id,
    ]  # fmt: skip


def new_id() -> Any:
    return uuid7()


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
