"""The local days follow the organization's reporting time zone: when it changes, they are built anew.

Begin (alone with the zone's lock): the old rows go, the state names the new zone and a build. Then a few days at a
time, each with the locks of a refresh; refreshes that come meanwhile write in the new zone already. Last the state says
that the days are complete; before that no question reads them. A build that dies is begun again by the next run; one
that finds itself replaced stops. Where quarter-hours were pruned no local days can be made: they begin later then.
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
    token, pruned = uuid7(), state.quarters_from()
    since = _begin(organization, zone, token, pruned)
    if zone:
        for days in _days(organization, since):
            if not _build_days(organization, days, zone, token, since):
                return False
    if state.quarters_from() != pruned:
        return False  # some may have gone while they were read: the next run begins again
    mine = RollupState.objects.filter(pk=organization, local_build=token)
    return bool(mine.update(local_build=None, local_ready_at=datetime.now(UTC) if zone else None))


def _whole_from(organization: UUID, zone: str, pruned: datetime | None) -> datetime | None:
    """Start of the first local day that can be made; None when that is every day there is."""
    first, _ = _span(organization)
    if not zone or pruned is None or first is None or first >= pruned + DAY:
        return None
    return localdays.next_day(localdays.day_start(pruned, ZoneInfo(zone)), ZoneInfo(zone))


def _begin(organization: UUID, zone: str, token: UUID, pruned: datetime | None) -> datetime | None:
    """From where on the local days will be kept; None: all of them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [state.zone_key(organization)])
        since = _whole_from(organization, zone, pruned)  # with the lock: what comes late now is added by these rules
        for cube in cubes.STORED:
            cursor.execute(f"DELETE FROM {cube.table(Grain.LOCAL_DAY)} WHERE organization = %s", [organization])
        RollupState.objects.filter(pk=organization).update(
            local_zone=zone,
            local_from=since,
            local_build=token,
            local_beat_at=datetime.now(UTC),
            local_ready_at=None,
            version=F("version") + 1,
        )
    return since


def _span(organization: UUID) -> tuple[datetime, datetime] | tuple[None, None]:
    """First and last UTC day of the organization's figures."""
    table = cubes.CUBE_BY_NAME["total"].table(Grain.DAY)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(bucket), max(bucket) FROM {table} WHERE organization = %s", [organization])
        first, last = cursor.fetchone()
    return first, last


def _days(organization: UUID, since: datetime | None) -> Iterator[list[datetime]]:
    first, last = _span(organization)
    if first is None or last is None:
        return iter(())
    return chunks(max(first, since or first), last + DAY)


def _build_days(organization: UUID, days: list[datetime], zone: str, token: UUID, since: datetime | None) -> bool:
    assert len(days) <= DAYS_PER_TRANSACTION
    with transaction.atomic():
        if state.share_zone(organization).build != token:
            return False
        lock_days(organization, days, neighbours=True)
        start = max(days[0], since or days[0])
        recompute_local(organization, [(start, days[-1] + DAY)], ZoneInfo(zone))
    RollupState.objects.filter(pk=organization, local_build=token).update(local_beat_at=datetime.now(UTC))
    return True
