"""Where in the history the back-test stands and looks ahead."""

from dataclasses import dataclass

from analytics.forecasting.periods import Period

MOST = 5
MOST_TOTALS = 20
COMFORTABLE = 400


@dataclass(frozen=True, slots=True)
class Origins:
    """`points` are spread so that their windows do not overlap where the history allows it; `totals` are closer
    together, for the sum over the horizon. Each looks `steps` ahead (fewer than the horizon when history is short)."""

    points: tuple[int, ...]
    totals: tuple[int, ...]
    steps: int

    @property
    def all(self) -> list[int]:
        return sorted({*self.points, *self.totals}, reverse=True)


def origins(count: int, horizon: int, period: Period) -> Origins:
    """The origins of a history of `count` values, newest first."""
    least = _least(count, horizon, period)
    steps = min(horizon, max(1, (count - least) // 2))
    newest = count - steps
    room = newest - least
    stride = min(steps, max(1, room // (MOST - 1)))
    if stride > period.season:
        stride -= stride % period.season
    points = tuple(newest - at * stride for at in range(MOST) if newest - at * stride >= least)
    close = min(stride, period.season if period.unit > 1 else max(1, steps // 4))
    totals = tuple(newest - at * close for at in range(MOST_TOTALS) if newest - at * close >= least)
    return Origins(points, totals, steps)


def _least(count: int, horizon: int, period: Period) -> int:
    """How many values the oldest origin keeps."""
    if count - MOST * horizon >= COMFORTABLE:
        return COMFORTABLE
    return max(min(2 * period.season, count // 2), period.short // 2, count // 2, 2)
