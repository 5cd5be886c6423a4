"""Ways of looking at a series. Each is a Strategy: `Detector.excess(series)` gives, for every point, by how many
twentieths of everything seen before it lies outside of everything seen before (0: inside)."""

from analytics.anomaly.detectors.base import Detector
from analytics.anomaly.detectors.level import Level
from analytics.anomaly.detectors.ratio import Ratio
from analytics.anomaly.detectors.residual import Residual
from analytics.anomaly.detectors.value import Value

__all__ = ["Detector", "Level", "Ratio", "Residual", "Value"]
