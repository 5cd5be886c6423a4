"""Recomputing rollups from the ledger: whole days or single quarter-hours, always from a complete source. What comes
late for a day whose source is incomplete is added to its rows of every grain.

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
from zoneinfo import ZoneInfo

import structlog
from django.db import connection, transaction

from analytics.rollups import cubes, localdays, sql, state, subjects
from analytics.rollups.cubes import Grain

log = structlog.get_logger(__name__)
DAY = timedelta(days=1)
QUARTER_HOUR = timedelta(minutes=15)
DAYS_PER_TRANSACTION = 7
RANGES_PER_STATEMENT = 8
PLANNING = """
SET LOCAL enable_sort = off; SET LOCAL work_mem = '64MB'; SET LOCAL hash_mem_multiplier = 32
"""
"""Hashing fifty columns is half the work of sorting by them. The planner takes every `array_agg` for 8 kB and would
have groups spilled that take a twentieth of that; a day's statement really takes some 1.5 kB for each row of the wide
cube."""
_BESIDE = (cubes.CHARGE_TABLE, cubes.FOREIGN_TABLES[Grain.QUARTER_HOUR])

Range = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: ledger lines read, days recomputed, days kept because their source is incomplete (late lines
    were added to them)."""

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
        local = state.share_zone(organization)
        lock_days(organization, days, neighbours=bool(local.zone))
        state.share_horizon()
        complete, dirty = state.complete_days(days), list(dirty)
        ranges = coalesce(part for part in dirty if day_of(part[0]) in complete)
        kept = [day for day in days if day not in complete]
        late = coalesce((day, day + DAY) for day in kept)
        marks = _marks(organization, [*ranges, *late])
        if only_marked and not marks:
            return Refreshed()
        lines = _recompute(organization, ranges) if ranges else 0
        lines += _add_late(organization, late, local) if late else 0
        if local.zone and ranges:  # after what came late: the first of these days may begin before the horizon
            recompute_local(organization, ranges, ZoneInfo(local.zone))
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


def lock_days(organization: UUID, days: Sequence[datetime], *, neighbours: bool) -> None:
    """One refresh of a day at a time; in order, so that two never wait for each other. `neighbours`: the days around
    them too, into which a local day reaches."""
    wanted = {day + reach * DAY for day in days for reach in ((-1, 0, 1) if neighbours else (0,))}
    with connection.cursor() as cursor:
        for day in sorted(wanted):
            key = f"rollup {organization} {day:%Y-%m-%d}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def recompute_local(organization: UUID, ranges: Iterable[Range], zone: ZoneInfo) -> None:
    """Replace the local days that the ranges touch by the sums of their quarter-hours. The caller has locked the days
    (`lock_days` with neighbours) and the zone."""
    with connection.cursor() as cursor:
        for edges in localdays.touched(ranges, zone):
            own: dict[str, Any] = {"organization": organization, "edges": edges, "start": edges[0], "end": edges[-1]}
            window = "organization = %(organization)s AND bucket >= %(start)s AND bucket < %(end)s"
            for cube in cubes.REFRESHED:
                cursor.execute(f"DELETE FROM {cube.table(Grain.LOCAL_DAY)} WHERE {window}", own)
                cursor.execute(sql.insert_derived(cube, Grain.LOCAL_DAY, window), own)


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
    quarter, at = within("bucket", ranges)
    own: dict[str, Any] = {"organization": organization, **at}
    with connection.cursor() as cursor:
        for table in (*(cube.table(Grain.QUARTER_HOUR) for cube in cubes.OF_LEDGER), *_BESIDE):
            cursor.execute(f"DELETE FROM {table} WHERE organization = %(organization)s AND {quarter}", own)
    lines = sum(_take_in(organization, Grain.QUARTER_HOUR, part) for part in _by_day(ranges))
    _derive(organization, ranges)
    return lines


def _take_in(
    organization: UUID, grain: Grain, ranges: Sequence[Range], which: str = "true", **parameters: object
) -> int:
    """Insert the rows of the ledger lines in `ranges` where `which` holds into the cubes that are made of lines.
    Returns the ledger lines read."""
    declared = subjects.declared_keys(organization)
    where, at = within("l.started_at", ranges)
    own = {"organization": organization, **at, **parameters, **subjects.parameters(declared)}
    with connection.cursor() as cursor:
        cursor.execute(PLANNING)
        window = f"l.organization = %(organization)s AND {where} AND {which}"
        cursor.execute(sql.insert_lines(window, len(declared), grain), own)
        lines, admitted = map(int, cursor.fetchone())
    if admitted:
        subjects.unfold(organization)
    return lines


def _add_late(organization: UUID, ranges: Sequence[Range], local: state.LocalDays) -> int:
    """Add the lines that came for days whose ledger is gone, each line once. Nothing is derived from quarter-hours,
    which may have been pruned. Returns how many."""
    line, at = within("l.started_at", ranges)
    late = state.take_late(organization, line, at)
    if not late:
        return 0
    log.info("rollup_late_lines", organization=str(organization), lines=len(late), first=ranges[0][0].isoformat())
    for grain in (Grain.QUARTER_HOUR, Grain.DAY):
        _add(organization, grain, ranges, late=late)
    zone = ZoneInfo(local.zone) if local.zone else None
    for run in localdays.touched(ranges, zone) if zone else ():
        edges = [edge for edge in run if local.since is None or edge >= local.since]
        if len(edges) > 1:
            _add(organization, Grain.LOCAL_DAY, [(edges[0], edges[-1])], late=late, edges=edges)
    return len(late)


def _add(organization: UUID, grain: Grain, ranges: Sequence[Range], **parameters: object) -> None:
    """Add the `late` lines in `ranges`, which are whole buckets of `grain`, to the rows that are there."""
    _take_in(organization, grain, ranges, "l.id = ANY(%(late)s)", **parameters)
    where, at = within("bucket", ranges)
    window = f"organization = %(organization)s AND {where}"
    own: dict[str, Any] = {"organization": organization, **at, **parameters}
    with connection.cursor() as cursor:
        for cube in cubes.REFRESHED:
            if grain in cube.grains and cube.source:
                cursor.execute(f"DELETE FROM {cube.table(grain)} WHERE {window}", own)
                cursor.execute(sql.insert_derived(cube, grain, window), own)
            elif grain in cube.grains:
                cursor.execute(sql.insert_merged(cube, grain, window), own)


def _derive(organization: UUID, ranges: Sequence[Range]) -> None:
    """Replace the quarter-hours that are summed from wider cubes, then the days."""
    days = coalesce((day, day + DAY) for part in ranges for day in days_between(*part))
    with connection.cursor() as cursor:
        for grain, parts in ((Grain.QUARTER_HOUR, ranges), (Grain.DAY, days)):
            where, at = within("bucket", parts)
            window = f"organization = %(organization)s AND {where}"
            own: dict[str, Any] = {"organization": organization, **at}
            for cube in cubes.REFRESHED:
                if grain in cube.grains and (cube.source or grain == Grain.DAY):
                    cursor.execute(f"DELETE FROM {cube.table(grain)} WHERE {window}", own)
                    cursor.execute(sql.insert_derived(cube, grain, window), own)


def _by_day(ranges: Sequence[Range]) -> Iterator[list[Range]]:
    """The (sorted, disjoint) ranges cut at midnights, those of a UTC day together: what one statement takes, so that it
    fits in memory."""
    days: dict[datetime, list[Range]] = {}
    for start, end in ranges:
        for day in days_between(start, end):
            days.setdefault(day, []).append((max(start, day), min(end, day + DAY)))
    yield from days.values()
