"""Hourly figures of every scope of one organization: what the watch looks at. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from analytics.anomaly.series import Floats

WHOLE = ("organization", "")
SUMS = ("requests", "errors", "tokens", "input_tokens", "cache_read_tokens", "cache_hits", "cost", "list_cost")
PERCENTILES = ("latency_p95", "ttft_p95")
SCOPES = ("organization", "team", "project", "api_key", "provider", "model", "model_requested")
Scope = tuple[str, str]
"""A dimension and one of its values; `WHOLE` is everything."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Column i is the hour that starts at `start` + i hours. `figures[name]`: float64[scopes, hours], sums 0 where
    nothing was, percentiles NaN. `served[alias]`: requests by hour of each model that served the requested alias."""

    start: datetime
    scopes: Sequence[Scope]
    figures: Mapping[str, Floats]
    served: Mapping[str, Mapping[str, Floats]]

    @property
    def hours(self) -> int:
        return int(self.figures["requests"].shape[1])

    def rows(self, dimension: str) -> list[int]:
        """Rows of a dimension's values."""
        return [row for row, (name, _) in enumerate(self.scopes) if name == dimension]

    def totals(self, figure: str, hours: slice, dimensions: Iterable[str]) -> dict[str, dict[str, float]]:
        """Sums over some hours by dimension and value."""
        summed = self.figures[figure][:, hours].sum(axis=1)
        return {
            dimension: {self.scopes[row][1]: float(summed[row]) for row in self.rows(dimension)}
            for dimension in dimensions
        }


def empty(start: datetime, scopes: Sequence[Scope], hours: int) -> Frame:
    """Nothing happened."""
    figures = {name: np.zeros((len(scopes), hours)) for name in SUMS}
    figures |= {name: np.full((len(scopes), hours), np.nan) for name in PERCENTILES}
    return Frame(start, scopes, figures, {})
