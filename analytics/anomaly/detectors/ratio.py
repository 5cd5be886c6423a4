"""The value on a logarithmic scale: for what grows by factors, as cost and traffic do."""

import numpy as np

from analytics.anomaly.detectors.base import beyond
from analytics.anomaly.series import Clean, Floats


class Ratio:
    """Out of the range of the logarithms before; negative values count as zero."""

    weight = 0.5

    def excess(self, series: Clean) -> Floats:
        return beyond(np.log1p(np.maximum(series.values, 0.0)))
