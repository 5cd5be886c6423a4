"""Windows that begin where quarter-hours were pruned: they are answered by whole days. Pure.

Days are those of the reporting time zone where they are kept, else of UTC: a day of another zone is then answered by
the UTC day of the same date (rule 12).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import pairwise

from analytics.query import window
from analytics.query.window import Range
from analytics.rollups import localdays
from analytics.rollups.cubes import Grain


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is. `quarters_from`: where quarter-hours begin, a UTC midnight; `asked`: the zone in question;
    `local`: the same when its days are kept, from `local_from` on. None for a time: with the first line."""

    quarters_from: datetime | None
    asked: tzinfo
    local: tzinfo | None = None
    local_from: datetime | None = None

    def is_pruned(self, start: datetime) -> bool:
        """Whether a window from here on begins where there are only days."""
        return self.quarters_from is not None and start < self.quarters_from

    def aligned(self, edges: Sequence[datetime]) -> tuple[datetime, ...]:
        """The edges with those that need quarter-hours which are gone moved to where kept days begin: the first one
        back, the last one on."""
        if self.quarters_from is None or not self.is_pruned(edges[0]):
            return tuple(edges)
        days = (self._days_of(edges[0]) or UTC, self.quarters_from)
        moved = [self._moved(edge, *days, onward=place > 0) for place, edge in enumerate(edges)]
        for place in range(1, len(moved)):
            moved[place] = max(moved[place], moved[place - 1])
        if moved[-1] <= moved[0]:
            moved[-1] = localdays.next_day(moved[0], days[0])
        return tuple(moved)

    def segments(self, edges: Sequence[datetime]) -> dict[Grain, list[Range]]:
        """Ranges by grain that answer for the aligned edges."""
        found: dict[Grain, list[Range]] = {}
        for part, days in self._parts(edges):
            for grain, ranges in window.segments(part, days).items():
                found.setdefault(grain, []).extend(ranges)
        return found

    def _parts(self, edges: Sequence[datetime]) -> Iterator[tuple[tuple[datetime, ...], tzinfo | None]]:
        """The edges cut where other days begin to be kept, and the zone of the days (None: UTC)."""
        days = self._days_of(edges[0])
        if self.quarters_from is None or days or (self.local is None and not self.is_pruned(edges[0])):
            yield tuple(edges), days
            return
        cuts = [self.quarters_from]
        if self.local and self.local_from:
            cuts.append(max(self.quarters_from, self.local_from))
        bounds = [edges[0], *(cut for cut in cuts if edges[0] < cut < edges[-1]), edges[-1]]
        for start, end in pairwise(bounds):
            inner = (edge for edge in edges if start < edge < end)
            yield (start, *inner, end), self._days_of(start)

    def _days_of(self, start: datetime) -> tzinfo | None:
        """The zone whose days answer from `start` on."""
        return self.local if self.local_from is None or start >= self.local_from else None

    def _moved(self, edge: datetime, days: tzinfo, quarters_from: datetime, *, onward: bool) -> datetime:
        if localdays.day_start(edge, days) >= quarters_from:
            return edge
        date = edge.astimezone(self.asked).date()
        if onward and localdays.day_start(edge, self.asked) < edge:
            date += timedelta(days=1)
        return localdays.day_start(datetime.combine(date, time(12), days), days)
