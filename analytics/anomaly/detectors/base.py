"""The one question all detectors ask: how far beyond everything before?"""

from typing import Protocol

import numpy as np

from analytics.anomaly.series import Clean, Floats

UNIT = 0.05
"""Share of the range seen before that counts as one."""


class Detector(Protocol):
    """One way of looking at a series. Causal: `excess[i]` depends on points up to i alone."""

    weight: float

    def excess(self, series: Clean) -> Floats: ...


def beyond(values: Floats, start: int = 0) -> Floats:
    """How far each value lies outside of the range of those before it, in `UNIT`s of that range; before `start`, and
    inside: 0. Beyond a range without width, the whole range's worth."""
    if len(values) <= start + 1:
        return np.zeros(len(values))
    seen = values.copy()
    seen[:start] = seen[start]
    high, low = np.maximum.accumulate(seen)[:-1], np.minimum.accumulate(seen)[:-1]
    outside = np.maximum(0.0, np.maximum(seen[1:] - high, low - seen[1:]))
    width = high - low
    with np.errstate(over="ignore"):
        share = np.where(width > 0, outside / np.where(width > 0, width, 1.0), (outside > 0).astype(np.float64))
    return np.concatenate([[0.0], share / UNIT])
