"""The error of the best simple forecast: what is usual at another hour but not at this one."""

from analytics.anomaly.detectors.base import beyond
from analytics.anomaly.experts import expect
from analytics.anomaly.series import Clean, Floats

START = 10


class Residual:
    """A larger surprise, up or down, than any before."""

    weight = 0.5

    def excess(self, series: Clean) -> Floats:
        return beyond(series.values - expect(series).values, START)
