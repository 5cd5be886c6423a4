"""Bookkeeping of refreshes: dirty marks, data version, and from when on the ledger is complete."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from analytics.models import LedgerHorizon
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


def bump_live(organization: UUID) -> None:
    """New version of the minute cube alone: answers over quarter-hours stay valid."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_rollupstate AS s (organization, version, live_version, refreshed_at) "
            "VALUES (%s, 0, 1, clock_timestamp()) "
            "ON CONFLICT (organization) DO UPDATE SET live_version = s.live_version + 1",
            [organization],
        )


def complete_days(days: Sequence[datetime]) -> set[datetime]:
    """The days whose ledger lines are all still attached; the others' rollups are kept as they are (rule 14)."""
    horizon = LedgerHorizon.objects.values_list("complete_from", flat=True).first()
    attached = _attached_partitions()
    return {day for day in days if partition_name(month_of(day)) in attached and (horizon is None or day >= horizon)}


def _attached_partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = to_regclass(%s) AND NOT i.inhdetachpending",
            [LEDGER],
        )
        return {row[0] for row in cursor.fetchall()}


def forget_before(at: datetime) -> None:
    """Retention detached what started before `at`: from now on those days are kept, never recomputed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_ledgerhorizon AS h (id, complete_from) VALUES (1, %s) ON CONFLICT (id) "
            "DO UPDATE SET complete_from = greatest(h.complete_from, excluded.complete_from)",
            [at],
        )
