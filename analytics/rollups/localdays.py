"""Days in a time zone as instants: 23, 24 or 25 hours long, beginning whenever the clock there says so. Pure.

The edges are made here and bound as parameters, so that PostgreSQL's own time zone tables are never asked: the two may
be of different age, and answer differently for a midnight that happens twice.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

Range = tuple[datetime, datetime]
NEARLY_TWO_DAYS = timedelta(days=1, hours=12)
UTC_NAMES = frozenset({"", "UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Universal", "Etc/Universal", "Etc/Zulu"})


def day_start(at: datetime, where: tzinfo) -> datetime:
    """First instant (UTC) of the day in zone `where` that `at` lies in."""
    return _day_start(at.astimezone(UTC), where)


@lru_cache(maxsize=16_384)
def _day_start(at: datetime, where: tzinfo) -> datetime:
    """The same of an instant in UTC: in other zones two instants of an autumn night are equal, and one key."""
    local = at.astimezone(where)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def next_day(start: datetime, where: tzinfo) -> datetime:
    """First instant of the day after the one that begins at `start`."""
    noon = (start.astimezone(where).replace(tzinfo=None, fold=0) + NEARLY_TWO_DAYS).replace(tzinfo=where)
    return day_start(noon, where)


def edges(start: datetime, end: datetime, where: tzinfo) -> list[datetime]:
    """First instants of the days that `[start, end)` touches, and of the one after them."""
    found = [day_start(start, where)]
    while found[-1] < end:
        found.append(next_day(found[-1], where))
    return found


def touched(ranges: Iterable[Range], where: tzinfo) -> list[list[datetime]]:
    """The edges of the days that the (sorted) ranges touch: one list for each run of neighbouring days."""
    runs: list[list[datetime]] = []
    for start, end in sorted(ranges):
        found = edges(start, end, where)
        if runs and found[0] <= runs[-1][-1]:
            runs[-1] += [edge for edge in found if edge > runs[-1][-1]]
        else:
            runs.append(found)
    return runs
