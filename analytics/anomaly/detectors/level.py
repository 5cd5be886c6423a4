"""The level around which values move: many small steps in one direction that no single value shows."""

from analytics.anomaly.detectors.base import beyond
from analytics.anomaly.series import Clean, Floats, ewma

WEIGHT, START = 0.1, 30


class Level:
    """The exponentially weighted mean is out of its own range."""

    weight = 0.5

    def excess(self, series: Clean) -> Floats:
        return beyond(ewma(series.values, WEIGHT), START)
