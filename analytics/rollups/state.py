"""Bookkeeping of refreshes: dirty marks, data version, and from when on the ledger is complete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from analytics.models import LedgerHorizon, RollupState
from analytics.rollups.cubes import Grain
from gateway.ledger.partitions import month_of, partition_name
from gateway.ledger.schema import TABLE as LEDGER
from gateway.models import DirtyMark


def mark_ids(organization: UUID, grain: Grain, where: str, parameters: Mapping[str, datetime]) -> list[int]:
    """Ids of the dirty marks visible now; aggregate in a later statement, then `delete_marks` exactly these."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM gateway_dirtymark WHERE organization = %(organization)s AND grain = %(grain)s AND {where}",
            {"organization": organization, "grain": grain.value, **parameters},
        )
        return [row[0] for row in cursor.fetchall()]


def delete_marks(ids: Sequence[int]) -> None:
    DirtyMark.objects.filter(pk__in=ids).delete()


def bump(organization: UUID, *, opened: bool) -> None:
    """New data version of the organization, last in the refreshing transaction. `opened`: the open bucket too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_rollupstate AS s (organization, version, live_version, refreshed_at, "
            "open_refreshed_at) VALUES (%s, 1, 0, clock_timestamp(), CASE WHEN %s THEN clock_timestamp() END) "
            "ON CONFLICT (organization) DO UPDATE SET version = s.version + 1, refreshed_at = excluded.refreshed_at, "
            "open_refreshed_at = coalesce(excluded.open_refreshed_at, s.open_refreshed_at)",
            [organization, opened],
        )


def touch(organization: UUID) -> None:
    """New data version for what an app keeps beside the cubes. Without cubes there is no answer that could be old."""
    RollupState.objects.filter(organization=organization).update(version=F("version") + 1)


def bump_live(organization: UUID) -> None:
    """New version of the minute cube alone: answers over quarter-hours stay valid."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_rollupstate AS s (organization, version, live_version, refreshed_at) "
            "VALUES (%s, 0, 1, clock_timestamp()) "
            "ON CONFLICT (organization) DO UPDATE SET live_version = s.live_version + 1",
            [organization],
        )


@dataclass(frozen=True, slots=True)
class LocalDays:
    """In which zone an organization's local days are kept ("" is none), who is building them, and from where on they
    are kept (None: all of them)."""

    zone: str = ""
    build: UUID | None = None
    since: datetime | None = None


def zone_key(organization: UUID) -> str:
    """Advisory lock: shared by whoever writes local days, alone for who changes their zone."""
    return f"rollup {organization} zone"


def share_zone(organization: UUID) -> LocalDays:
    """The zone of the local days, unchanged until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [zone_key(organization)])
    kept = RollupState.objects.filter(pk=organization)
    row = kept.values_list("local_zone", "local_build", "local_from").first()
    return LocalDays(*row) if row else LocalDays()


HORIZON_KEY = "ledger horizon"
"""Advisory lock: shared by whoever recomputes from the ledger, alone for who declares a part of it gone."""
BOOKING_TAKES = timedelta(hours=1)
"""Longer than a line is on its way from its `booked_at` to the commit that books it."""


def share_horizon() -> None:
    """What is complete now stays so until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [HORIZON_KEY])


def stop_refreshes() -> None:
    """Nothing is recomputed until the transaction ends; waits for what is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [HORIZON_KEY])


def complete_days(days: Sequence[datetime]) -> set[datetime]:
    """The days whose ledger lines are all still attached; the others' rollups are kept as they are (rule 14)."""
    horizon = LedgerHorizon.objects.values_list("complete_from", flat=True).first()
    attached = _attached_partitions()
    return {day for day in days if partition_name(month_of(day)) in attached and (horizon is None or day >= horizon)}


def take_late(organization: UUID, where: str, parameters: Mapping[str, datetime]) -> list[UUID]:
    """Lines before the horizon that no rollup has; they are the caller's to add, in this transaction. `where`: a
    condition over the ledger alias `l`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO analytics_countedline (id) SELECT l.id FROM {LEDGER} l, analytics_ledgerhorizon h "
            f"WHERE l.organization = %(organization)s AND {where} AND l.started_at < h.complete_from "
            "AND l.booked_at >= h.late_from ORDER BY l.id ON CONFLICT DO NOTHING RETURNING id",
            {"organization": organization, **parameters},
        )
        return [row[0] for row in cursor.fetchall()]


def _attached_partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = to_regclass(%s) AND NOT i.inhdetachpending",
            [LEDGER],
        )
        return {row[0] for row in cursor.fetchall()}


def quarters_from() -> datetime | None:
    """Before this only days are kept; None: nothing was pruned."""
    return LedgerHorizon.objects.values_list("quarters_from", flat=True).first()


def forget_before(at: datetime) -> None:
    """From now on the days before `at` are kept, never recomputed, and what is booked for them is added. The caller
    makes sure that the rollups have all of it, else it rolls back: no mark is left now."""
    with transaction.atomic(), connection.cursor() as cursor:
        stop_refreshes()
        late_from = datetime.now(UTC) - BOOKING_TAKES
        cursor.execute(
            f"INSERT INTO analytics_countedline (id) SELECT id FROM {LEDGER} WHERE started_at < %s AND booked_at >= %s "
            "AND started_at >= coalesce((SELECT complete_from FROM analytics_ledgerhorizon), '-infinity') "
            "ON CONFLICT DO NOTHING",
            [at, late_from],
        )
        cursor.execute(
            "INSERT INTO analytics_ledgerhorizon AS h (id, complete_from, late_from) VALUES (1, %s, %s) "
            "ON CONFLICT (id) DO UPDATE SET complete_from = greatest(h.complete_from, excluded.complete_from), "
            "late_from = excluded.late_from",
            [at, late_from],
        )
