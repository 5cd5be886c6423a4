"""Time: buckets in the asked zone, and which grain answers for which instant. Pure.

Zones are handled by computing every bucket's edges as instants (DST days have 23 or 25 hours, Kathmandu's days begin
at 18:15 UTC); all offsets in use are multiples of 15 minutes, so quarter-hours tile them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

from analytics.query.shapes import Granularity, QueryError
from analytics.rollups import localdays
from analytics.rollups.cubes import Grain

MINUTE = timedelta(minutes=1)
QUARTER_HOUR = timedelta(minutes=15)
MAX_BUCKETS = 20_000
_STEPS = {"minute": MINUTE, "quarter_hour": QUARTER_HOUR, "hour": timedelta(hours=1)}

Range = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Edges clipped to the window (n + 1 instants, UTC) and the n names: each bucket's own start in its zone."""

    edges: tuple[datetime, ...]
    names: tuple[datetime, ...]


def zone(name: str) -> ZoneInfo:
    """Raises QueryError `unknown_timezone`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise QueryError("unknown_timezone", f"{name!r} is not an IANA time zone.") from None


def align(start: datetime, end: datetime, step: timedelta) -> Range:
    """The window widened to whole steps (of 15 minutes or 1), in UTC."""
    if start.tzinfo is None or end.tzinfo is None:
        raise QueryError("naive_time", "start and end need a UTC offset.")
    if start >= end:
        raise QueryError("empty_window", "end must be after start.")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    early = (start.astimezone(UTC) - epoch) % step
    late = (end.astimezone(UTC) - epoch) % step
    return start.astimezone(UTC) - early, end.astimezone(UTC) + (step - late if late else timedelta(0))


def floor(at: datetime, granularity: Granularity, where: tzinfo) -> datetime:
    """Start (UTC) of the bucket of `granularity` in zone `where` that `at` lies in."""
    local = at.astimezone(where)
    if granularity in _STEPS:
        into = (
            timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond) % _STEPS[granularity]
        )
        return (at - into).astimezone(UTC)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if granularity == "week":
        midnight -= timedelta(days=midnight.weekday())
    if granularity == "month":
        midnight = midnight.replace(day=1)
    return midnight.astimezone(UTC)


def following(start: datetime, granularity: Granularity, where: tzinfo) -> datetime:
    """Start (UTC) of the bucket after the one that begins at `start`."""
    if granularity in _STEPS:
        return start + _STEPS[granularity]
    days = {"day": 1, "week": 7, "month": 32}[granularity]
    local = start.astimezone(where)
    # 12 hours into a later day: never off by one, however the clock was changed between
    later = (local.replace(tzinfo=None, fold=0) + timedelta(days=days, hours=12)).replace(tzinfo=where)
    return floor(later, granularity, where)


def buckets(window: Range, granularity: Granularity | None, where: tzinfo) -> Buckets:
    """Buckets that tile the window; without granularity the window is the one bucket. Raises `too_many_points`."""
    start, end = window
    if granularity is None:
        return Buckets((start, end), (_named(start, where),))
    edges, names = [start], []
    at = floor(start, granularity, where)
    while at < end:
        names.append(_named(at, where))
        at = following(at, granularity, where)
        edges.append(min(at, end))
        if len(names) > MAX_BUCKETS:
            raise QueryError("too_many_points", "Take a coarser granularity or a shorter window.")
    return Buckets(tuple(edges), tuple(names))


def _named(at: datetime, where: tzinfo) -> datetime:
    """`at` with the zone's offset of that instant. Not with the zone itself: two times of one zone are compared by
    their clock alone, so the two 02:00 of an autumn night would be the same key."""
    local = at.astimezone(where)
    return local.astimezone(timezone(local.utcoffset() or timedelta(0)))


def segments(edges: tuple[datetime, ...], local: tzinfo | None = None) -> dict[Grain, list[Range]]:
    """Disjoint ranges by grain: whole days inside one bucket by day rows, the ragged rest by quarter-hours. `local`:
    the zone whose days are kept and to be read; UTC by default."""
    grain, where = (Grain.LOCAL_DAY, local) if local else (Grain.DAY, UTC)
    found: dict[Grain, list[Range]] = {grain: [], Grain.QUARTER_HOUR: []}
    for start, end in pairwise(edges):
        last = localdays.day_start(end, where)
        first = localdays.day_start(start, where)
        if first < start:
            first = localdays.next_day(first, where)
        if first >= last:
            _append(found[Grain.QUARTER_HOUR], (start, end))
            continue
        _append(found[Grain.QUARTER_HOUR], (start, first))
        _append(found[grain], (first, last))
        _append(found[Grain.QUARTER_HOUR], (last, end))
    return {grain: ranges for grain, ranges in found.items() if ranges}


def _append(ranges: list[Range], part: Range) -> None:
    """Add a range, joined to the one before when they touch; empty ones vanish."""
    if part[0] >= part[1]:
        return
    if ranges and ranges[-1][1] == part[0]:
        ranges[-1] = (ranges[-1][0], part[1])
    else:
        ranges.append(part)
