"""Anomaly detection on arrays: causal, numpy alone, no Django.

`score` judges one series point by point. One file in `detectors/` for each way of looking at a series.
"""

from analytics.anomaly.fusion import score
from analytics.anomaly.series import Clean, clean

__all__ = ["Clean", "clean", "score"]
