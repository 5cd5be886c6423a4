"""Monthly partitions of the ledger: made ahead of time and on demand, never blocking readers (rule 11)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.ledger.catalogue import has_citus
from gateway.ledger.schema import COLUMNS, DEFAULTS, TABLE

MONTHS_AHEAD = 2
LEAVING, DETACHED = "_leaving", "_detached"
# Triggers of rows come with the attaching; those of statements are each table's own.
GUARD = (
    "CREATE OR REPLACE TRIGGER ledger_truncate_guard BEFORE TRUNCATE ON {} "
    "FOR EACH STATEMENT EXECUTE FUNCTION gateway_ledger_truncate_guard()"
)


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
        if has_citus(connection):
            connection.execute("SET LOCAL citus.enable_unsafe_triggers = on")
        connection.execute(GUARD.format(name))
        bounds = f"FROM ('{month.isoformat()}') TO ('{next_month(month).isoformat()}')"
        connection.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES {bounds}")
    return name


def attached_months(connection: Any) -> list[datetime]:
    """Months that have an attached partition, oldest first; one whose detaching was begun counts still."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s)",
        [TABLE],
    ).fetchall()
    return sorted(month_of_table(row[0]) for row in rows)


def detach(connection: Any, month: datetime) -> None:
    """Take a month out of the ledger without holding up readers or writers; its lines stay in a table that is leaving
    (`leaving_tables`). Goes on where a process that was killed stopped.

    `connection`: a psycopg connection in autocommit. Waits for the transactions that began before and read the ledger.
    """
    name = partition_name(month)
    begun = connection.execute(
        "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(%s) AND inhparent = to_regclass(%s)",
        [name, TABLE],
    ).fetchone()
    if begun is not None:
        # Citus has no CONCURRENTLY for partitions of distributed tables: there it waits for readers, and they for it
        how = "FINALIZE" if begun[0] else "" if has_citus(connection) else "CONCURRENTLY"
        connection.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {name} {how}")
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('ledger-partitions'))")
        if _attached(connection, name):  # a late line has made the writer attach it again
            return
        connection.execute(f"ALTER TABLE IF EXISTS {name} RENAME TO {_free_name(connection, f'{name}{LEAVING}')}")


def leaving_tables(connection: Any) -> dict[str, datetime]:
    """Tables of months that were detached and are not put away yet, with their month."""
    return {name: month_of_table(name) for name in _tables(connection, LEAVING)}


def month_of_table(name: str) -> datetime:
    """The month of a partition, or of a table that was one."""
    return datetime.strptime(name.removeprefix(f"{TABLE}_")[:7], "%Y_%m").replace(tzinfo=UTC)


def put_away(connection: Any, table: str) -> str:
    """A table that was leaving has nothing left that the ledger needs; returns its name from now on."""
    kept = _free_name(connection, f"{table.partition(LEAVING)[0]}{DETACHED}")
    connection.execute(f"ALTER TABLE {table} RENAME TO {kept}")
    return kept


def detached_tables(connection: Any) -> list[str]:
    """Tables that keep what was detached, oldest month first."""
    return _tables(connection, DETACHED)


def add_columns(connection: Any, table: str) -> list[str]:
    """Columns that the ledger got after this table had left it, with their defaults; returns their names."""
    rows = connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s)", [table]).fetchall()
    missing = [name for name in COLUMNS if name not in {row[0] for row in rows}]
    for name in missing:
        default = f" DEFAULT {DEFAULTS[name]}" if "NOT NULL" in COLUMNS[name] else ""
        connection.execute(f'ALTER TABLE {table} ADD COLUMN IF NOT EXISTS "{name}" {COLUMNS[name]}{default}')
    return missing


def _tables(connection: Any, ending: str) -> list[str]:
    pattern = f"{TABLE}_%{ending}%".replace("_", r"\_")
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE %s ORDER BY 1", [pattern]
    ).fetchall()
    return [row[0] for row in rows]


def _free_name(connection: Any, name: str) -> str:
    """The name, or with a number behind it when a late partition of that month was detached before."""
    number, free = 1, name
    while connection.execute("SELECT to_regclass(%s)", [free]).fetchone()[0]:
        number += 1
        free = f"{name}_{number}"
    return free


def _attached(connection: Any, name: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(%s) AND inhparent = to_regclass(%s)", [name, TABLE]
    ).fetchone()
    return row is not None
