"""The local days follow the organization's reporting time zone: when it changes, they are built anew.

Begin (alone with the zone's lock): the old rows go, the state names the new zone and a build. Then a few days at a
time, each with the locks of a refresh; refreshes that come meanwhile write in the new zone already. Last the state says
that the days are complete; before that no question reads them. A build that dies is begun again by the next run; one
that finds itself replaced stops.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from django.db import connection, transaction
from django.db.models import F, Q

from analytics.models import RollupState
from analytics.rollups import cubes, localdays, state
from analytics.rollups.cubes import Grain
from analytics.rollups.refresh import DAY, DAYS_PER_TRANSACTION, chunks, lock_days, recompute_local
from gateway.ledger.ids import uuid7
from gateway.models import Organization

log = structlog.get_logger(__name__)
SILENT_AFTER = timedelta(minutes=10)
"""A build that has not gone on for so long is taken for dead."""


def follow_zones() -> int:
    """Build the local days of every organization whose reporting zone is another than theirs; returns how many."""
    return sum(build(organization, zone) for organization, zone in list(_behind()))


def _behind() -> Iterator[tuple[UUID, str]]:
    alive = Q(local_beat_at__gt=datetime.now(UTC) - SILENT_AFTER, local_build__isnull=False)
    states = {row.pk: row for row in RollupState.objects.exclude(alive & Q(local_ready_at=None))}
    wanted = Organization.objects.filter(pk__in=states).values_list("pk", "reporting_timezone")
    for organization, name in wanted.order_by("pk"):
        zone, kept = _kept_as(name), states[organization]
        if kept.local_zone != zone or (zone and kept.local_ready_at is None):
            yield organization, zone


def _kept_as(name: str) -> str:
    """The zone of the local days for this reporting zone: none for UTC, whose days are kept anyway."""
    if name in localdays.UTC_NAMES:
        return ""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        log.warning("reporting_timezone_unknown", timezone=name)
        return ""
    return name


def build(organization: UUID, zone: str) -> bool:
    """Local days in `zone` from the quarter-hours. False when another build has taken over."""
    token = uuid7()
    _begin(organization, zone, token)
    if zone:
        for days in _days(organization):
            if not _build_days(organization, days, zone, token):
                return False
    mine = RollupState.objects.filter(pk=organization, local_build=token)
    return bool(mine.update(local_build=None, local_ready_at=datetime.now(UTC) if zone else None))


def _begin(organization: UUID, zone: str, token: UUID) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [state.zone_key(organization)])
        for cube in cubes.STORED:
            cursor.execute(f"DELETE FROM {cube.table(Grain.LOCAL_DAY)} WHERE organization = %s", [organization])
        RollupState.objects.filter(pk=organization).update(
            local_zone=zone,
            local_build=token,
            local_beat_at=datetime.now(UTC),
            local_ready_at=None,
            version=F("version") + 1,
        )


def _days(organization: UUID) -> Iterator[list[datetime]]:
    table = cubes.CUBE_BY_NAME["total"].table(Grain.DAY)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(bucket), max(bucket) FROM {table} WHERE organization = %s", [organization])
        first, last = cursor.fetchone()
    return chunks(first, last + DAY) if first else iter(())


def _build_days(organization: UUID, days: list[datetime], zone: str, token: UUID) -> bool:
    assert len(days) <= DAYS_PER_TRANSACTION
    with transaction.atomic():
        if state.share_zone(organization).build != token:
            return False
        lock_days(organization, days, neighbours=True)
        recompute_local(organization, [(days[0], days[-1] + DAY)], ZoneInfo(zone))
    RollupState.objects.filter(pk=organization, local_build=token).update(local_beat_at=datetime.now(UTC))
    return True
