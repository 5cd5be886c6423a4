"""What candidates are compared on, and which difference is too small to matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analytics.compare.samples import Floats, Sample

Scale = Literal["ratio_of_means", "ratio_of_medians", "proportion", "mean"]


@dataclass(frozen=True, slots=True)
class Metric:
    """`scale`: how the difference of two is measured: relative (ratios − 1) or absolute (`proportion`, `mean`).
    `margin`: differences within it count as none."""

    name: str
    label: str
    scale: Scale
    margin: float
    values: Callable[[Sample], Floats]
    lower_is_better: bool = True
    winner: str = ""
    loser: str = ""

    @property
    def by_output(self) -> bool:
        return self.scale != "proportion"


def _of_good(values: Floats, sample: Sample) -> Floats:
    return np.where(sample.is_error, np.nan, values)


METRICS = (
    Metric("cost", "Cost per request", "ratio_of_means", 0.02, lambda s: _of_good(s.cost, s),
           winner="cheaper", loser="dearer"),
    Metric("speed", "Time to the last byte", "ratio_of_medians", 0.05, lambda s: _of_good(s.duration_ms, s),
           winner="faster", loser="slower"),
    Metric("reliability", "Share of requests that fail", "proportion", 0.005, lambda s: s.is_error.astype(np.float64),
           winner="more reliable", loser="less reliable"),
    Metric("quality", "Mean score", "mean", 0.02, lambda s: s.quality, lower_is_better=False,
           winner="better scored", loser="worse scored"),
)  # fmt: skip
