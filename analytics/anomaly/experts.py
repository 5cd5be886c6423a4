"""What a point was expected to be: simple forecasters, of which the one that did best lately speaks. Pure, causal."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.anomaly.series import Clean, Floats, ewma, shifted

NAMES = ("last value", "fast mean", "slow mean", "same time of day", "same time of day, at today's level")
FAST, SLOW, LEVEL = 0.3, 0.05, 0.1
SEASON_DAYS = 7
FEW_POINTS = 8
"""With fewer points in a day there is no time of day to speak of."""
JUDGED = 100
"""Points (or two days, if that is more) over which the experts are compared."""


@dataclass(frozen=True, slots=True)
class Expected:
    """By point: the expected value, and the index in `NAMES` of the expert that gave it."""

    values: Floats
    expert: NDArray[np.int64]


def expect(series: Clean) -> Expected:
    """One step ahead: the expectation of point i is made of points before i."""
    voices = np.array(_voices(series))
    count = len(series)
    errors = np.abs(voices - series.values)
    totals = np.concatenate([np.zeros((len(voices), 1)), np.cumsum(errors, axis=1)], axis=1)
    index = np.arange(count)
    since = np.maximum(0, index - max(JUDGED, 2 * series.day))
    lately = (totals[:, index] - totals[:, since]) / np.maximum(1, index - since)
    lately[3:, : 2 * series.day] = np.inf
    best = np.argmin(lately, axis=0)
    return Expected(voices[best, index], best)


def _voices(series: Clean) -> list[Floats]:
    values = series.values
    slow = shifted(ewma(values, SLOW))
    voices = [shifted(values), shifted(ewma(values, FAST)), slow]
    if series.day >= FEW_POINTS and len(series) > 2 * series.day:
        usual = same_time(series, slow)
        voices += [usual, usual + shifted(ewma(values - usual, LEVEL))]
    return voices


def same_time(series: Clean, otherwise: Floats) -> Floats:
    """Median of the values at the same time of the seven days before; `otherwise` where there is none."""
    columns = np.full((SEASON_DAYS, len(series)), np.inf)
    for day in range(1, SEASON_DAYS + 1):
        at = series.lagged_days(day)
        columns[day - 1] = np.where(at >= 0, series.values[np.maximum(at, 0)], np.inf)
    columns.sort(axis=0)
    count = np.isfinite(columns).sum(axis=0)
    index = np.arange(len(series))
    low, high = columns[np.maximum(count - 1, 0) // 2, index], columns[np.minimum(count // 2, SEASON_DAYS - 1), index]
    known = count > 0
    return np.where(known, (np.where(known, low, 0.0) + np.where(known, high, 0.0)) / 2, otherwise)
