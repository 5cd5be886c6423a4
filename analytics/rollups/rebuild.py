"""Rebuilding rollups of many days: independent transactions, shared out over a few connections."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

from django.db import connection

from analytics.rollups.refresh import DAY, Refreshed, chunks, refresh_days
from gateway.ledger.schema import TABLE as LEDGER


def booked_span(organization: UUID | None = None) -> dict[UUID, tuple[datetime, datetime]]:
    """First and last `started_at` of each organization's ledger lines."""
    where = "WHERE organization = %(organization)s" if organization else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT organization, min(started_at), max(started_at) FROM {LEDGER} {where} GROUP BY organization",
            {"organization": organization},
        )
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def rebuild(
    organization: UUID,
    start: datetime,
    end: datetime,
    *,
    workers: int = 2,
    progress: Callable[[int], None] = lambda days: None,
) -> Refreshed:
    """Recompute the days of `[start, end)`, `workers` connections at once; restart-safe, each few days commit alone."""

    def one(days: list[datetime]) -> Refreshed:
        try:
            return refresh_days(organization, days, [(day, day + DAY) for day in days])
        finally:
            connection.close()
            progress(len(days))

    total = Refreshed()
    with ThreadPoolExecutor(workers, thread_name_prefix="rebuild") as pool:
        for done in pool.map(one, chunks(start, end)):
            total += done
    return total
