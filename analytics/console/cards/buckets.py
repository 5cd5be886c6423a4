"""The buckets of a chart: where they stand on the axis, what they are called, what instants they hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal, cast

from analytics.console.periods import Period, zone_or_utc
from analytics.query import window
from analytics.query.shapes import Granularity

MOST = 750
WORDS: Mapping[str, str] = {
    "quarter_hour": "quarter-hour", "hour": "hour", "day": "day", "week": "week", "month": "month",
}  # fmt: skip
ORDER = tuple(WORDS)
_DAYS = {"quarter_hour": 1 / 96, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 28.0}
_SPOKEN = {"day": "%A, %-d %B", "week": "that of %-d %B", "month": "%B %Y"}
_LABELS = {"day": "%a %-d %b %Y", "week": "Week of %-d %b %Y", "month": "%B %Y"}
_PARTIAL = {
    (False, False): "",
    (True, False): " The first {unit} is not complete.",
    (False, True): " The last {unit} is not complete.",
    (True, True): " The first and the last {unit} are not complete.",
}
Side = Literal["first", "last"]


def automatic(length: timedelta) -> str:
    """Grain that gives a window between 7 and 200 buckets."""
    for limit, grain in ((2, "hour"), (100, "day"), (400, "week")):
        if length <= timedelta(days=limit):
            return grain
    return "month"


def usable(length: timedelta) -> list[str]:
    """Grains that give the window at least one bucket and at most `MOST`."""
    days = length / timedelta(days=1)
    return [grain for grain in ORDER if days / _DAYS[grain] <= MOST and _DAYS[grain] <= max(days, 1)]


@dataclass(frozen=True)
class Buckets:
    """Buckets of `grain` that tile a period, cut at its ends."""

    period: Period
    grain: str
    now: datetime

    @cached_property
    def _cut(self) -> window.Buckets:
        whole = (self.period.start.astimezone(UTC), self.period.end.astimezone(UTC))
        return window.buckets(whole, cast(Granularity, self.grain), zone_or_utc(self.period.zone))

    @property
    def times(self) -> tuple[datetime, ...]:
        """Their names: starts in the zone, as in a result's series."""
        return self._cut.names

    @property
    def edges(self) -> list[str]:
        """n + 1 instants (RFC 3339, in the zone) between which the lines of each bucket lie."""
        zone = zone_or_utc(self.period.zone)
        return [at.astimezone(zone).isoformat() for at in self._cut.edges]

    @property
    def places(self) -> list[str]:
        """Where each stands on the time axis: its start on the wall clock."""
        return [at.strftime("%Y-%m-%dT%H:%M") for at in self.times]

    @property
    def labels(self) -> list[str]:
        form = _LABELS.get(self.grain, "%-d %b %Y, %H:%M")
        return [at.strftime(form) for at in self.times]

    @property
    def unit(self) -> str:
        return WORDS[self.grain]

    def spoken(self, index: int) -> str:
        """One bucket inside a sentence: `Tuesday, 3 November`."""
        return self.times[index].strftime(_SPOKEN.get(self.grain, "%-d %b, %H:%M"))

    def index(self, at: datetime) -> int | None:
        """The bucket that an instant lies in."""
        edges = self._cut.edges
        if not edges[0] <= at < edges[-1]:
            return None
        return sum(edge <= at for edge in edges[1:])

    @property
    def partial(self) -> tuple[bool, bool]:
        """Whether the first and the last lack a part: cut by the window, or still to come."""
        zone, grain = zone_or_utc(self.period.zone), cast(Granularity, self.grain)
        first, last = self._cut.edges[0], self._cut.edges[-1]
        starts_late = window.floor(first, grain, zone) != first
        ends_early = window.floor(last, grain, zone) != last
        return starts_late, ends_early or last > self.now

    @property
    def partial_words(self) -> str:
        return _PARTIAL[self.partial].format(unit=self.unit)
