"""The detectors' views made into one score, and one alert of each event. Pure, causal."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analytics.anomaly.detectors import Detector, Level, Ratio, Residual, Value
from analytics.anomaly.series import Floats, clean

DETECTORS: tuple[Detector, ...] = (Value(), Ratio(), Residual(), Level())
MOST = 3.0
"""Units of excess beyond which more is not more certain."""
WARM_UP = 30
QUIET_SHARE, QUIET_LEAST = 0.045, 3
"""A point speaks when nothing in this share of the history before it was as strange: one event, one alert."""


def score(timestamps: Any, values: ArrayLike) -> Floats:
    """How strange each point is given those before it, in [0, 1]; float64[n].

    Causal: `score(t[:k], v[:k])` equals `score(t, v)[:k]` to the last bit. `timestamps`: datetime64, datetimes,
    ISO 8601 texts or seconds; gaps and irregular spacing are fine. Unknown values (NaN, infinite) and the first
    `WARM_UP` points score 0. Raises ValueError when the lengths differ. Measured by `bench/anomaly.py`.
    """
    series = clean(timestamps, values)
    if len(series) <= WARM_UP:
        return np.zeros(len(series))
    total, most = np.zeros(len(series)), np.log1p(MOST) * sum(detector.weight for detector in DETECTORS)
    for detector in DETECTORS:
        total += detector.weight * np.log1p(np.minimum(MOST, detector.excess(series)))
    total[~series.known] = 0.0
    heard = quieted(total)
    heard[:WARM_UP] = 0.0
    return np.asarray(np.clip(heard / most, 0.0, 1.0))


def quieted(total: Floats) -> Floats:
    """`total` where it is more than everything in the last `QUIET_SHARE` of the history before it, else 0."""
    result, kept = np.zeros(len(total)), deque[tuple[int, float]]()
    for index, value in enumerate(total.tolist()):
        since = index - max(QUIET_LEAST, int(QUIET_SHARE * index))
        while kept and kept[0][0] < since:
            kept.popleft()
        if not kept or kept[0][1] < value:
            result[index] = value
        while kept and kept[-1][1] <= value:
            kept.pop()
        kept.append((index, value))
    return result
