"""Recomputing rollups from the ledger: whole days or single quarter-hours, always from a complete source.

One transaction per organization and few days: advisory locks on the days, then the ids of the dirty marks, then the
aggregation in a later statement (so it sees at least the lines that those marks announced), then the marks go
(rule 14). A crash before the commit leaves the old rows and the marks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from analytics.rollups import cubes, sql, state
from analytics.rollups.cubes import Grain

log = structlog.get_logger(__name__)
DAY = timedelta(days=1)
QUARTER_HOUR = timedelta(minutes=15)
DAYS_PER_TRANSACTION = 7
RANGES_PER_STATEMENT = 8

Range = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: ledger lines read, days recomputed, days kept because their source is incomplete."""

    lines: int = 0
    days: int = 0
    kept: int = 0

    def __add__(self, other: "Refreshed") -> "Refreshed":
        return Refreshed(self.lines + other.lines, self.days + other.days, self.kept + other.kept)


def day_of(at: datetime) -> datetime:
    """Start of the UTC day."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def days_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """UTC days that `[start, end)` touches."""
    day = day_of(start)
    while day < end:
        yield day
        day += DAY


def refresh(organization: UUID, start: datetime, end: datetime) -> Refreshed:
    """Recompute all rollups of the UTC days that `[start, end)` touches, and settle their dirty marks."""
    done = Refreshed()
    for days in chunks(start, end):
        done += refresh_days(organization, days, [(day, day + DAY) for day in days])
    return done


def chunks(start: datetime, end: datetime) -> Iterator[list[datetime]]:
    """The UTC days that `[start, end)` touches, a transaction's worth at a time."""
    days = days_between(start, end)
    while chunk := list(islice(days, DAYS_PER_TRANSACTION)):
        yield chunk


def refresh_days(
    organization: UUID, days: Sequence[datetime], dirty: Iterable[Range], *, only_marked: bool = False
) -> Refreshed:
    """Recompute the quarter-hours in `dirty` (all inside `days`) and the day rows of `days`, in one transaction.

    `only_marked`: do nothing when another worker has settled the marks meanwhile.
    """
    with transaction.atomic():
        _lock(organization, days)
        complete = state.complete_days(days)
        ranges = coalesce(part for part in dirty if day_of(part[0]) in complete)
        kept = [day for day in days if day not in complete]
        marks = _marks(organization, [*ranges, *((day, day + DAY) for day in kept)])
        if only_marked and not marks:
            return Refreshed()
        for day in kept:
            log.warning("rollup_kept", organization=str(organization), day=day.isoformat(), reason="ledger incomplete")
        lines = _recompute(organization, ranges) if ranges else 0
        state.delete_marks(marks)
        state.bump(organization, opened=_covers_now(ranges))
    return Refreshed(lines, len(complete), len(kept))


def coalesce(ranges: Iterable[Range]) -> list[Range]:
    """Sorted disjoint ranges. Many scattered ones become one for each UTC day: more work, same result."""
    merged = _merged(ranges)
    if len(merged) <= RANGES_PER_STATEMENT:
        return merged
    days: dict[datetime, Range] = {}
    for start, end in merged:
        first, _ = days.get(day_of(start), (start, end))
        days[day_of(start)] = (first, end)
    return _merged(days.values())


def _merged(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def within(column: str, ranges: Sequence[Range], name: str = "at") -> tuple[str, dict[str, datetime]]:
    """Condition that `column` lies in one of the ranges, and its named parameters (`name` keeps them apart)."""
    one = [f"({column} >= %({name}{i}_from)s AND {column} < %({name}{i}_to)s)" for i in range(len(ranges))]
    at = {f"{name}{i}_{edge}": part[j] for i, part in enumerate(ranges) for j, edge in enumerate(("from", "to"))}
    return "(" + " OR ".join(one) + ")", at


def _lock(organization: UUID, days: Sequence[datetime]) -> None:
    """One refresh of a day at a time; in order, so that two never wait for each other."""
    keys = [f"rollup {organization} {day:%Y-%m-%d}" for day in sorted(days)]
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _marks(organization: UUID, ranges: Sequence[Range]) -> list[int]:
    if not ranges:
        return []
    where, at = within("bucket", ranges)
    return state.mark_ids(organization, Grain.QUARTER_HOUR, where, at)


def _covers_now(ranges: Sequence[Range]) -> bool:
    now = datetime.now(UTC)
    return any(start <= now < end for start, end in ranges)


def _recompute(organization: UUID, ranges: Sequence[Range]) -> int:
    """Replace the quarter-hours in `ranges` and then the days they lie in; returns the ledger lines read."""
    days = coalesce((day, day + DAY) for part in ranges for day in days_between(*part))
    line, _ = within("l.started_at", ranges)
    quarter, quarter_at = within("bucket", ranges)
    day, day_at = within("bucket", days, "day")
    own: dict[str, Any] = {"organization": organization, **quarter_at, **day_at}
    quarter, day = f"organization = %(organization)s AND {quarter}", f"organization = %(organization)s AND {day}"
    with connection.cursor() as cursor:
        # memoize only costs: no two lines have the same charges
        cursor.execute("SET LOCAL work_mem = '64MB'; SET LOCAL enable_memoize = off")
        for table in (*(cube.table(Grain.QUARTER_HOUR) for cube in cubes.STORED), cubes.CHARGE_TABLE):
            cursor.execute(f"DELETE FROM {table} WHERE {quarter}", own)
        for cube in cubes.STORED:
            cursor.execute(f"DELETE FROM {cube.table(Grain.DAY)} WHERE {day}", own)
        cursor.execute(sql.insert_from_ledger(Grain.QUARTER_HOUR, f"l.organization = %(organization)s AND {line}"), own)
        lines = int(cursor.fetchone()[0])
        for cube in cubes.REFRESHED:
            if cube.source:
                cursor.execute(sql.insert_derived(cube, Grain.QUARTER_HOUR, quarter), own)
        for cube in cubes.REFRESHED:
            cursor.execute(sql.insert_derived(cube, Grain.DAY, day), own)
    return lines
