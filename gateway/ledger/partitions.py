"""Monthly partitions of the ledger: made ahead of time and on demand, never blocking readers (rule 11)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.ledger.schema import TABLE

MONTHS_AHEAD = 2


def month_of(at: datetime) -> datetime:
    """First instant of the UTC month of `at`."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    return month_of(month + timedelta(days=32))


def partition_name(month: datetime) -> str:
    return f"{TABLE}_{month:%Y_%m}"


def ensure_partitions(connection: Any, times: Iterable[datetime]) -> list[str]:
    """Make the missing partitions for these instants and the months ahead; returns the names made.

    `connection`: a psycopg connection in autocommit; CREATE TABLE … LIKE + ATTACH takes no lock that waits for
    readers. Safe to run from several processes at once: an advisory lock orders them.
    """
    months = {month_of(at) for at in times}
    ahead = month_of(datetime.now(UTC))
    for _ in range(MONTHS_AHEAD + 1):
        months.add(ahead)
        ahead = next_month(ahead)
    return [name for month in sorted(months) if (name := _ensure(connection, month))]


def _ensure(connection: Any, month: datetime) -> str | None:
    name = partition_name(month)
    if connection.execute("SELECT to_regclass(%s)", [name]).fetchone()[0] and _attached(connection, name):
        return None
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('ledger-partitions'))")
        if _attached(connection, name):
            return None
        connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {TABLE} INCLUDING ALL)")
        bounds = f"FROM ('{month.isoformat()}') TO ('{next_month(month).isoformat()}')"
        connection.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES {bounds}")
    return name


def _attached(connection: Any, name: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(%s) AND inhparent = to_regclass(%s)", [name, TABLE]
    ).fetchone()
    return row is not None
