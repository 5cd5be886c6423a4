"""How long the ledger keeps lines: whole months leave it, the rollups keep their figures for good (rule 14).

A month goes when its last instant is `LEDGER_RETENTION_DAYS` ago. First its figures are made final: nobody books into
it for a moment, no dirty mark is left, and the horizon moves past it, from where on nothing before it is recomputed;
then it is detached. Lines that were booked between the two are brought back, and lines that come later get a new
partition; both are added to the rollups. A run that is killed is finished by the next. Detached tables stay, outside
the ledger, until they are archived (`gateway.services.archives`) or somebody drops them.

Quarter-hours are kept 400 days (rule 12), by whole months too: the days before are made final in the same way, whether
the ledger still has them or not, so that nothing derives them from quarter-hours any more; then those go. Two days of
them stay before the horizon, into which a local day may reach. Charges have no days, their quarter-hours stay.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction

from analytics.models import LedgerHorizon, RollupState
from analytics.rollups import cubes, state
from analytics.rollups.cubes import Cube, Grain
from analytics.rollups.marks import drain_marks
from gateway.ledger import partitions, spend
from gateway.ledger.schema import COLUMNS
from gateway.ledger.schema import TABLE as LEDGER
from gateway.models import DirtyMark
from gateway.services import archives

log = structlog.get_logger(__name__)
PATIENCE = "2s"
"""How long bookings into an old month are held up at most; then it is tried again another time."""
QUARTERS_KEPT = timedelta(days=400)
REACH = timedelta(days=2)
"""Farther than a local day that touches the first day after the horizon begins before it."""
ROWS_PER_DELETE = 10_000


@dataclass(frozen=True, slots=True)
class Retired:
    """Tables that were taken out of the ledger, and months that have to wait for their rollups."""

    tables: tuple[str, ...] = ()
    waiting: tuple[datetime, ...] = ()


def due_months(now: datetime, days: int) -> list[datetime]:
    """Attached months that ended at least `days` ago, oldest first; none with 0 days, which keeps everything. Months
    that were brought back from the archive stay as long as was said then."""
    if days <= 0:
        return []
    with _direct() as direct:
        months = partitions.attached_months(direct)
    held = archives.held_months()
    ended = (month for month in months if partitions.next_month(month) <= now - timedelta(days=days))
    return [month for month in ended if month.date() not in held]


def retire(*, now: datetime | None = None, days: int | None = None, dry_run: bool = False) -> Retired:
    """Detach what is due. `days`: `LEDGER_RETENTION_DAYS` by default; `dry_run` only says which tables it would be."""
    due = due_months(now or datetime.now(UTC), settings.LEDGER_RETENTION_DAYS if days is None else days)
    if dry_run:
        return Retired(tuple(map(partitions.partition_name, due)))
    if due:
        drain_marks()
    tables = _put_away()  # what a run that was killed left
    for place, month in enumerate(due):
        if not _make_final(month):
            log.warning("ledger_month_waits", month=f"{month:%Y-%m}", reason="rollups or bookings are not done with it")
            return Retired(tuple(tables), tuple(due[place:]))
        with _direct() as direct:
            partitions.detach(direct, month)
        tables += _put_away()
    return Retired(tuple(tables))


def prune_quarter_hours(*, now: datetime | None = None) -> int:
    """Delete the quarter-hours before the month that was 400 days ago; returns how many rows. Days stay for good; what
    is booked for them later is added to them. The run that finds the month due says so alone, and the next one deletes:
    questions and builds that read them then are through by then. A run that is killed is finished by the next."""
    month, before = partitions.month_of((now or datetime.now(UTC)) - QUARTERS_KEPT), state.quarters_from()
    if before is None or before < month - REACH:
        drain_marks()
        if not _keep_days_alone(month):
            reason = "rollups are not done with the months before"
            log.warning("quarter_hours_wait", before=f"{month:%Y-%m}", reason=reason)
    if before is None:
        return 0
    organizations = RollupState.objects.order_by("pk").values_list("pk", flat=True)
    quarterly = [cube for cube in cubes.STORED if Grain.QUARTER_HOUR in cube.grains]
    deleted = sum(_delete_quarter_hours(cube, pk, before) for pk in organizations for cube in quarterly)
    if deleted:
        log.info("quarter_hours_pruned", before=f"{before:%Y-%m-%d}", rows=deleted)
    return deleted


def drop_detached() -> list[str]:
    """Delete what was detached, for good; returns the tables."""
    with _direct() as direct:
        tables = partitions.detached_tables(direct)
        for table in tables:
            direct.execute(f"DROP TABLE IF EXISTS {table}")
            log.warning("ledger_table_dropped", table=table)
    return tables


def _put_away() -> list[str]:
    """Bring back what is not in the rollups yet, then leave the detached tables alone; returns their names."""
    kept = []
    with _direct() as direct:
        for table, month in partitions.leaving_tables(direct).items():
            stragglers = _stragglers(table)
            if direct.execute(f"SELECT 1 FROM {stragglers} LIMIT 1").fetchone():
                partitions.ensure_partitions(direct, [month])
            with direct.transaction():
                brought = _bring_back(direct, table, stragglers)
                spend.retire(direct, table)
                kept.append(partitions.put_away(direct, table))
            log.info("ledger_month_detached", month=f"{month:%Y-%m}", table=kept[-1], brought_back=brought)
    return kept


def _stragglers(table: str) -> str:
    """FROM and WHERE of the lines `t` that were booked after the month was made final and that no rollup has."""
    return (
        f"{table} t, analytics_ledgerhorizon h WHERE t.booked_at >= h.late_from "
        "AND NOT EXISTS (SELECT FROM analytics_countedline c WHERE c.id = t.id)"
    )


def _bring_back(direct: psycopg.Connection, table: str, stragglers: str) -> int:
    """These lines of the table into the ledger again, in a partition of their own, with marks; returns how many."""
    direct.execute(
        "INSERT INTO gateway_dirtymark (organization, grain, bucket) SELECT DISTINCT t.organization, %s, "
        f"date_bin('15 minutes', t.started_at, timestamptz 'epoch') FROM {stragglers}",
        [Grain.QUARTER_HOUR.value],
    )
    columns, chosen = (", ".join(f'{prefix}"{name}"' for name in COLUMNS) for prefix in ("", "t."))
    into = f"INSERT INTO {LEDGER} ({columns}) SELECT {chosen} FROM {stragglers} ON CONFLICT DO NOTHING"
    brought = direct.execute(into).rowcount
    direct.execute(f"DELETE FROM {table} WHERE id IN (SELECT t.id FROM {stragglers})")
    return brought


def _make_final(month: datetime) -> bool:
    """Move the horizon past the month. False when its rollups are not done, or somebody is booking all the time."""
    end = partitions.next_month(month)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            cursor.execute(f"LOCK TABLE {partitions.partition_name(month)} IN SHARE MODE")
            if _has_marks(end):
                return False
            state.forget_before(end)
    except OperationalError as error:
        log.warning("ledger_month_busy", month=f"{month:%Y-%m}", error=str(error).strip())
        return False
    return True


def _keep_days_alone(month: datetime) -> bool:
    """Move the horizon to this month at least, and from where on quarter-hours are kept to shortly before. False when
    rollups are not done with what lies before; nobody who books is held up."""
    with transaction.atomic():
        state.forget_before(month)
        # Refreshes wait for this transaction: a line that it took for counted and that is not has its mark still
        if _has_marks(month):
            transaction.set_rollback(True)
            return False
        LedgerHorizon.objects.update(quarters_from=month - REACH)
    return True


def _delete_quarter_hours(cube: Cube, organization: UUID, before: datetime) -> int:
    table = cube.table(Grain.QUARTER_HOUR)
    chosen = f"SELECT ctid FROM {table} WHERE organization = %s AND bucket < %s LIMIT {ROWS_PER_DELETE}"
    total = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({chosen}))", [organization, before])
            if not cursor.rowcount:
                return total
            total += cursor.rowcount


def _has_marks(end: datetime) -> bool:
    """Whether rollups are not done with what lies before `end`, or before the horizon where that is later."""
    horizon = LedgerHorizon.objects.values_list("complete_from", flat=True).first()
    end = max(end, horizon or end)
    return DirtyMark.objects.filter(grain=Grain.QUARTER_HOUR, bucket__lt=end).exists()


@contextmanager
def _direct() -> Iterator[psycopg.Connection]:
    """A connection in autocommit that PgBouncer is not in the way of."""
    with psycopg.connect(settings.DATABASE_DIRECT_URL, autocommit=True, connect_timeout=5) as direct:
        yield direct
