"""What a forecast of cost says from a moment within it: what is still to come, and when an amount is reached.

Pure. The sum's half-width grows with the root of the distance, up to that of the whole at the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.forecasting.shapes import Floats, Forecast

if TYPE_CHECKING:
    from analytics.outlook.history import History

LEVEL = 0.8
"""Of the intervals: what is said lies within them with 80 % probability."""


@dataclass(frozen=True, slots=True)
class Band:
    """A figure and its interval."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Ahead:
    """`mean[i]` is expected from `starts[i]` to `starts[i + 1]`; `half`: half-width of the sum of all at `LEVEL`."""

    starts: Sequence[datetime]
    mean: Floats
    half: float

    @property
    def end(self) -> datetime:
        return self.starts[-1]

    def rest(self, now: datetime, end: datetime) -> Band:
        """What `[now, end)` is expected to cost; `end` no later than the last step's."""
        share = self._shares(now, end)
        mean = float(np.sum(self.mean * share))
        wide = self.half * float(np.sqrt(share.sum() / len(self.mean)))
        return Band(mean, max(0.0, mean - wide), mean + wide)

    def reaches(self, left: float, now: datetime) -> tuple[datetime | None, datetime | None, datetime | None]:
        """When the cost from `now` on reaches `left`: expected, at the upper and at the lower bound of the sum; None
        beyond the last step."""
        share = self._shares(now, self.end)
        sums = np.cumsum(self.mean * share)
        wide = self.half * np.sqrt(np.cumsum(share) / len(self.mean))
        upper, lower = sums + wide, np.maximum.accumulate(np.maximum(sums - wide, 0.0))
        return self._reached(sums, left, now), self._reached(upper, left, now), self._reached(lower, left, now)

    def _shares(self, now: datetime, end: datetime) -> Floats:
        """How much of each step lies in `[now, end)`, 0 to 1."""
        edges = np.array([at.timestamp() for at in self.starts])
        begin, stop = np.maximum(edges[:-1], now.timestamp()), np.minimum(edges[1:], end.timestamp())
        return np.asarray(np.clip((stop - begin) / np.diff(edges), 0.0, 1.0))

    def _reached(self, sums: Any, left: float, now: datetime) -> datetime | None:
        over = np.flatnonzero(sums >= left)
        if not len(over):
            return None
        step = int(over[0])
        before = float(sums[step - 1]) if step else 0.0
        begin = max(now, self.starts[step])
        part = (left - before) / max(float(sums[step]) - before, 1e-300)
        return begin + (self.starts[step + 1] - begin) * min(1.0, max(0.0, part))


def ahead_of(history: History, found: Forecast) -> Ahead:
    """The forecast with the moments that its steps begin at."""
    return Ahead(history.ahead(found.horizon + 1), found.mean, found.total.upper[LEVEL] - found.total.mean)
