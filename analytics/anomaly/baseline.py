"""What an hour usually brings: the same hour of comparable days, and how much it varies. Pure, vectorised, causal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from analytics.anomaly.series import Floats

DAY, WEEK = 24, 168
SAME_WEEKDAY = (1, 2, 3, 4)
"""Weeks looked back to for the same hour of the same weekday."""
SPREAD_HOURS = 14 * DAY
GROWTH = (0.5, 2.0)
FLOOR = 0.12
"""Part of the expectation that always counts as usual variation."""
MAD = 1.4826
AT_ONCE = 200
"""Series whose samples are in memory at once."""


@dataclass(frozen=True, slots=True)
class Band:
    """Expectation of each series and hour, and its usual variation; NaN while too little is known."""

    expected: Floats
    spread: Floats

    def distance(self, values: Floats) -> Floats:
        """In variations, positive above; NaN where nothing is expected yet."""
        return (values - self.expected) / self.spread


def band(values: Floats, start: datetime, excluded: Sequence[slice] = ()) -> Band:
    """`values`: float64[series, hours] of additive figures, the first hour at `start`. Expectation of hour t: median of
    the same hour on up to four same weekdays and on the days before of the same kind (working day or weekend), at the
    level of the last week. `excluded` hours are no example for later ones.
    """
    if len(values) > AT_ONCE:
        parts = [band(values[at : at + AT_ONCE], start, excluded) for at in range(0, len(values), AT_ONCE)]
        return Band(np.vstack([part.expected for part in parts]), np.vstack([part.spread for part in parts]))
    hours = values.shape[1]
    usable = values.copy()
    for part in excluded:
        usable[:, part] = np.nan
    weekend = ((np.arange(hours) + start.hour) // DAY + start.weekday()) % 7 >= 5
    samples = _samples(usable, weekend)
    with np.errstate(invalid="ignore"):
        expected = _median(samples)
    expected *= _growth(usable, expected)
    residual = np.abs(usable - expected) / np.sqrt(np.maximum(expected, _unit(usable)))
    return Band(expected, _spread(residual, expected, _unit(usable)))


def _samples(values: Floats, weekend: np.ndarray) -> Floats:
    """float64[lags, series, hours]: values at comparable hours before, NaN where there is none."""
    count, hours = values.shape
    lags = sorted({*(WEEK * week for week in SAME_WEEKDAY), *(DAY * day for day in range(1, 11))})
    found = np.full((len(lags), count, hours), np.nan)
    for place, lag in enumerate(lags):
        if lag >= hours:
            continue
        alike = weekend[lag:] == weekend[:-lag]
        found[place, :, lag:] = np.where(alike, values[:, :-lag], np.nan)
    return found


def _median(samples: Floats) -> Floats:
    """Median over the first axis of at least two known values."""
    ordered = np.sort(samples, axis=0)  # NaN last
    known = np.isfinite(samples).sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0)[None], 0)[0]
    high = np.take_along_axis(ordered, np.minimum(known // 2, len(samples) - 1)[None], 0)[0]
    return np.where(known >= 2, (low + high) / 2, np.nan)


def _growth(values: Floats, expected: Floats) -> Floats:
    """How the last week (of hours before) stood against its expectation, within limits; 1 while unknown."""
    both = np.isfinite(expected) & np.isfinite(values)
    seen = _trailing(np.where(both, np.minimum(values, 3 * expected + 1e-12), 0.0), WEEK)
    usual = _trailing(np.where(both, expected, 0.0), WEEK)
    enough = _trailing(both.astype(np.float64), WEEK) >= 3 * DAY
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(enough & (usual > 0), seen / usual, 1.0)
    return np.clip(ratio, *GROWTH)


def _trailing(values: Floats, width: int) -> Floats:
    """Sum over the `width` hours before each."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    index = np.arange(values.shape[1])
    return np.maximum(total[:, index] - total[:, np.maximum(0, index - width)], 0.0)


def _unit(values: Floats) -> Floats:
    """What one event typically adds: the mean of the hours that had any, over the last weeks' worth of hours."""
    busy = np.where(np.isfinite(values) & (values > 0), values, 0.0)
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(busy, axis=1)[:, :-1]], axis=1)
    count = np.concatenate([np.zeros((len(values), 1)), np.cumsum(busy > 0, axis=1)[:, :-1]], axis=1)
    return np.maximum(total / np.maximum(count, 1), 1e-9) * 0.1


def _spread(residual: Floats, expected: Floats, unit: Floats) -> Floats:
    """Variation of an hour: the usual scaled error of the last two weeks at the size expected."""
    scale = np.full(residual.shape, np.nan)
    hours = residual.shape[1]
    for begin in range(3 * DAY, hours, 6):
        past = residual[:, max(0, begin - SPREAD_HOURS) : begin]
        known = np.isfinite(past)
        middle = _middle(past, 0.5) * MAD
        high = _middle(past, 0.9) / 1.645
        scale[:, begin : begin + 6] = np.where(known.sum(axis=1) >= DAY, np.fmax(middle, high), np.nan)[:, None]
    base = np.maximum(expected, unit)
    return np.asarray(np.sqrt((scale * np.sqrt(base)) ** 2 + (FLOOR * base) ** 2))


def _middle(past: Floats, share: float) -> Floats:
    """Quantile of the known values of each row; NaN without any."""
    ordered, known = np.sort(past, axis=1), np.isfinite(past).sum(axis=1)
    at = np.clip((share * (known - 1)).astype(int), 0, None)
    return np.where(known > 0, np.take_along_axis(ordered, at[:, None], 1)[:, 0], np.nan)
