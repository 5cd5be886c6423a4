"""What a forecast is made from: closed buckets of a measure as a person sees them, and the buckets to come."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

import numpy as np

from analytics import cache
from analytics.answers.questions import Questions
from analytics.forecasting import Effect, Forecast, forecast
from analytics.forecasting.shapes import Floats
from analytics.metrics import MEASURES
from analytics.outlook.memory import FORECASTS
from analytics.outlook.prices import known_prices
from analytics.query import Filter, Query
from analytics.query import window as windows
from analytics.query.shapes import DimensionValue, QueryError

Grain = Literal["hour", "day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Span:
    """How much history a grain reads, how far it looks by default and at most (steps)."""

    history: timedelta
    default: int
    most: int


SPANS: Mapping[str, Span] = {
    "hour": Span(timedelta(days=90), 48, 24 * 31),
    "day": Span(timedelta(days=400), 30, 366),
    "week": Span(timedelta(days=3 * 366), 12, 104),
    "month": Span(timedelta(days=5 * 366), 6, 36),
}
GRAINS = tuple(SPANS)
LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True, slots=True)
class History:
    """`values[i]` is the bucket that begins at `times[i]`; NaN where nothing was measured. `end`: start of the bucket
    that is still filling, which is the first one forecast."""

    measure: str
    grain: Grain
    zone: str
    times: Sequence[datetime]
    values: Floats
    end: datetime
    dimensions: Mapping[str, DimensionValue] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not bool(np.isfinite(self.values).any() and np.nansum(np.abs(self.values)) > 0)

    def plus(self, other: History) -> History:
        """The sum; both end at the same bucket, and the shorter one was not used before its first."""
        longer, shorter = (self, other) if len(self.values) >= len(other.values) else (other, self)
        values = longer.values.copy()
        if len(shorter.values):
            values[-len(shorter.values) :] += shorter.values
        return replace(longer, values=values)

    def ahead(self, horizon: int) -> list[datetime]:
        """Starts of the next buckets, in the zone."""
        where, at, found = ZoneInfo(self.zone), self.end, []
        for _ in range(horizon):
            found.append(at.astimezone(where))
            at = windows.following(at, self.grain, where)
        return found


def read(
    questions: Questions,
    measures: Sequence[str],
    grain: Grain,
    zone: str,
    now: datetime,
    *,
    filters: Sequence[Filter] = (),
    dimensions: Sequence[str] = (),
    limit: int = 100,
) -> list[History]:
    """One history for each measure and group (no dimensions: one group), in the order of the answer. Raises QueryError.

    Buckets before the first use of a measure are left out: nothing was there to be used. One question.
    """
    where = windows.zone(zone)
    end = windows.floor(now, grain, where)
    start = windows.floor(end - SPANS[grain].history, grain, where)
    result = questions.ask(
        Query(
            measures=tuple(measures), start=start, end=end, granularity=grain, timezone=zone, filters=tuple(filters),
            dimensions=tuple(dimensions), limit=limit,
        )
    )  # fmt: skip
    lines: dict[tuple[Any, ...], list[Any]] = {}
    for point in result.series:
        lines.setdefault(tuple(point.dimensions.items()), []).append(point)
    return [
        _history(measure, grain, zone, end, dict(group), points)
        for measure in measures
        for group, points in lines.items()
    ]


def _history(
    measure: str, grain: Grain, zone: str, end: datetime, group: Mapping[str, DimensionValue], points: Sequence[Any]
) -> History:
    values = np.array(
        [np.nan if (value := point.measures[measure]) is None else float(value) for point in points], dtype=np.float64
    )
    used = np.flatnonzero(np.isfinite(values) & (values != 0))
    first = int(used[0]) if len(used) else len(values)
    return History(measure, grain, zone, [point.time for point in points[first:]], values[first:], end, group)


def predict(history: History, horizon: int, levels: Sequence[float] = LEVELS, prices: Effect | None = None) -> Forecast:
    """The forecast of a history that is not empty; days know the last day of a month, costs the `prices` that change,
    shares stay below 1. About 25 ms."""
    measure = MEASURES[history.measure]
    is_sum = measure.kind == "sum"
    effects = [month_ends(history, horizon)] if history.grain == "day" and is_sum else []
    effects += [prices] if prices else []
    found = forecast(history.values, horizon=horizon, period=history.grain, levels=levels, effects=effects)
    return found if measure.most is None else found.held(measure.most)


def month_ends(history: History, horizon: int) -> Effect:
    """The last days of months, of the history and ahead."""
    days = [*history.times, *history.ahead(horizon)]
    return Effect("Last day of a month", steps=[at.day == calendar.monthrange(at.year, at.month)[1] for at in days])


def outlook(
    questions: Questions,
    measure: str,
    grain: str,
    zone: str,
    now: datetime,
    *,
    horizon: int,
    levels: Sequence[float] = LEVELS,
    filters: Sequence[Filter] = (),
) -> tuple[History, Forecast | None]:
    """History and forecast of one measure; None without any use. Raises QueryError (`unknown_granularity`,
    `horizon_out_of_range` besides those of a question). Kept per view, question and data version."""
    check(grain, horizon)
    (history,) = read(questions, [measure], cast(Grain, grain), zone, now, filters=filters)
    if history.is_empty:
        return history, None
    scope = questions.scope
    prices = known_prices(questions, history, horizon, filters) if measure == "cost" else None
    name = cache.key(
        scope.key(), scope.version, measure, grain, zone, filters, history.end, horizon, tuple(levels),
        prices and tuple(prices.factors or ()),
    )  # fmt: skip
    return history, FORECASTS.get(name, lambda: predict(history, horizon, levels, prices))


def check(grain: str, horizon: int) -> None:
    """Raises QueryError."""
    if grain not in SPANS:
        raise QueryError("unknown_granularity", f"granularity of a forecast is one of {', '.join(SPANS)}.")
    most = SPANS[grain].most
    if not 1 <= horizon <= most:
        raise QueryError("horizon_out_of_range", f"horizon is between 1 and {most} steps of a {grain}.")
