"""The value itself: higher than the highest, lower than the lowest so far."""

from analytics.anomaly.detectors.base import beyond
from analytics.anomaly.series import Clean, Floats


class Value:
    """Out of the range of all values before."""

    weight = 1.0

    def excess(self, series: Clean) -> Floats:
        return beyond(series.values)
