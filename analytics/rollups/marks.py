"""Dirty marks into refreshed rollups: minutes and closed quarter-hours at once, the open one every 20 seconds."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min, QuerySet

from analytics.models import ForeignMinute, LiveMinute, RollupState
from analytics.rollups import cubes, sql, state
from analytics.rollups.cubes import Grain
from analytics.rollups.refresh import DAYS_PER_TRANSACTION, QUARTER_HOUR, coalesce, day_of, refresh_days, within
from gateway.models import DirtyMark
from gateway.queues import Shard

OPEN_BUCKET_EVERY = timedelta(seconds=20)
BUCKETS_PER_RUN = 5_000
MINUTE = timedelta(minutes=1)
MINUTES_KEPT = timedelta(hours=cubes.MINUTES_KEPT_H)


@dataclass(frozen=True, slots=True)
class Processed:
    """Buckets that were marked and are settled now, by grain."""

    minutes: int = 0
    quarter_hours: int = 0


def process_marks(
    limit: int = BUCKETS_PER_RUN, *, force: bool = False, shard: Shard | None = None
) -> Processed:  # fmt: skip
    """Refresh what the marks name, oldest first, at most `limit` quarter-hours; `force`: the open bucket too. `shard`:
    of its organizations alone."""
    return Processed(_minutes(_marked(Grain.MINUTE, shard)), _quarter_hours(limit, shard, force=force))


def _marked(grain: Grain, shard: Shard | None) -> QuerySet[DirtyMark]:
    """Marks of one grain, of all organizations or of a shard's."""
    marked = DirtyMark.objects.filter(grain=grain)
    if shard is None:
        return marked
    known = marked.order_by().values_list("organization", flat=True).distinct()
    return marked.filter(organization__in=[pk for pk in known if shard.holds(pk)])


def drain_marks() -> Processed:
    """Until no mark is left; for commands that must see everything booked so far."""
    total = Processed()
    while (done := process_marks(force=True)) != Processed():
        total = Processed(total.minutes + done.minutes, total.quarter_hours + done.quarter_hours)
    return total


def prune_minutes() -> int:
    """Delete minute rows past their 48 hours; returns how many."""
    before = datetime.now(UTC) - MINUTES_KEPT
    ForeignMinute.objects.filter(bucket__lt=before).delete()
    return LiveMinute.objects.filter(bucket__lt=before).delete()[0]


def _minutes(marked: QuerySet[DirtyMark]) -> int:
    """The minute cube of every organization that has minute marks; marks past its 48 hours only go."""
    oldest = _minute_of(datetime.now(UTC) - MINUTES_KEPT)
    DirtyMark.objects.filter(grain=Grain.MINUTE, bucket__lt=oldest).delete()
    done = 0
    for organization in marked.order_by("organization").values_list("organization", flat=True).distinct():
        rows = marked.filter(organization=organization).values_list("bucket", flat=True).distinct()
        done += _refresh_minutes(organization, list(rows))
    return done


def _refresh_minutes(organization: UUID, buckets: Sequence[datetime]) -> int:
    ranges = coalesce((bucket, bucket + MINUTE) for bucket in buckets)
    where, at = within("bucket", ranges)
    line, _ = within("l.started_at", ranges)
    own: dict[str, Any] = {"organization": organization, **at}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"rollup {organization} minutes"])
        marks = state.mark_ids(organization, Grain.MINUTE, where, at)
        if not marks:
            return 0
        for table in (cubes.LIVE.table(Grain.MINUTE), cubes.FOREIGN_TABLES[Grain.MINUTE]):
            cursor.execute(f"DELETE FROM {table} WHERE organization = %(organization)s AND {where}", own)
        cursor.execute(sql.insert_minutes(f"l.organization = %(organization)s AND {line}"), own)
        state.delete_marks(marks)
        state.bump_live(organization)
    return len(buckets)


def _quarter_hours(limit: int, shard: Shard | None, *, force: bool) -> int:
    now = datetime.now(UTC)
    marked = _marked(Grain.QUARTER_HOUR, shard).values("organization", "bucket")
    rows = marked.annotate(first=Min("pk")).order_by("first")[:limit]
    waiting = set() if force else _throttled(now)
    open_bucket = _quarter_of(now)
    dirty: dict[UUID, list[datetime]] = defaultdict(list)
    for row in rows:
        if row["bucket"] != open_bucket or row["organization"] not in waiting:
            dirty[row["organization"]].append(row["bucket"])
    for organization, buckets in sorted(dirty.items()):
        for days, parts in _by_days(buckets):
            refresh_days(organization, days, [(at, at + QUARTER_HOUR) for at in parts], only_marked=True)
    return sum(map(len, dirty.values()))


def _throttled(now: datetime) -> set[UUID]:
    """Organizations whose open bucket was rolled up less than 20 seconds ago."""
    recent = RollupState.objects.filter(open_refreshed_at__gt=now - OPEN_BUCKET_EVERY)
    return set(recent.values_list("organization", flat=True))


def _by_days(buckets: Sequence[datetime]) -> Iterator[tuple[list[datetime], list[datetime]]]:
    """A few days at a time with their dirty quarter-hours."""
    by_day: dict[datetime, list[datetime]] = defaultdict(list)
    for bucket in buckets:
        by_day[day_of(bucket)].append(bucket)
    days = sorted(by_day)
    for first in range(0, len(days), DAYS_PER_TRANSACTION):
        chunk = days[first : first + DAYS_PER_TRANSACTION]
        yield chunk, [bucket for day in chunk for bucket in by_day[day]]


def _minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _quarter_of(at: datetime) -> datetime:
    return _minute_of(at).replace(minute=at.minute // 15 * 15)
