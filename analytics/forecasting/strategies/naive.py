"""The last season again, the median of the last few, the mean of the newest values."""

import numpy as np

from analytics.forecasting.shapes import Floats


def seasonal_naive(values: Floats, ends: list[int], horizon: int, season: int) -> Floats:
    """The last `season` values, repeated."""
    rows = [np.resize(values[e - season : e], horizon) if e >= season else np.full(horizon, np.nan) for e in ends]
    return np.array(rows)


def seasonal_median(values: Floats, ends: list[int], horizon: int, season: int, seasons: int) -> Floats:
    """The median over the last `seasons` (at least 2) seasons of every step, repeated: bursts leave no trace in it."""
    return np.array([_median(values[:end], horizon, season, min(seasons, end // season)) for end in ends])


def _median(values: Floats, horizon: int, season: int, count: int) -> Floats:
    if count < 2:
        return np.full(horizon, np.nan)
    return np.resize(np.median(values[len(values) - count * season :].reshape(count, season), axis=0), horizon)


def recent_mean(values: Floats, ends: list[int], horizon: int, window: int) -> Floats:
    """The mean of the last `window` values, for every step."""
    return np.array([np.full(horizon, values[max(0, e - window) : e].mean()) for e in ends])
