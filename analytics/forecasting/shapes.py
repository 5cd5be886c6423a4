"""What a forecast is made of; plain frozen dataclasses over float arrays in the unit of the series."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One method that was tried. `backtest_error` is its WAPE over the origins; None when it could not be tried."""

    method: str
    backtest_error: float | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """How the chosen method did on past origins of the same series.

    `error` is Σ|forecast − value| ÷ Σ|value| (WAPE), `bias` is Σ(forecast − value) ÷ Σ|value|; None when nothing
    happened in the windows. `mase` is in units of the seasonal naive's in-sample error. `coverage[level]` is the share
    of values inside an interval that was calibrated on the other origins. `steps` is the longest step that was tried.
    """

    error: float | None
    bias: float | None
    mase: float | None
    coverage: Mapping[float, float]
    origins: int
    steps: int


@dataclass(frozen=True, slots=True)
class Total:
    """The sum over the horizon, with intervals of its own: sums of the steps' bounds would be far too wide."""

    mean: float
    lower: Mapping[float, float]
    upper: Mapping[float, float]


@dataclass(frozen=True, slots=True)
class Forecast:
    """`mean`, `lower[level]` and `upper[level]` are float[horizon] in the unit of the values, never below 0.

    `trend` is the relative change of the mean step from the newest seasons of the history to the horizon (None from
    nothing); `seasonality` maps a season's length in steps to its strength in [0, 1] (Hyndman & Athanasopoulos,
    *Forecasting: Principles and Practice*, 3rd ed., section 4.3). `rmse` is the back-test's root mean
    squared error a step.
    """

    mean: Floats
    lower: Mapping[float, Floats]
    upper: Mapping[float, Floats]
    method: str
    reason: str
    candidates: tuple[Candidate, ...]
    backtest: Backtest
    total: Total
    trend: float | None
    seasonality: Mapping[int, float]
    low_confidence: bool
    rmse: float
    notes: tuple[str, ...] = field(default=())

    @property
    def horizon(self) -> int:
        return len(self.mean)

    def held(self, most: float) -> "Forecast":
        """The same with no step above `most`, for values that cannot be larger."""
        whole = most * self.horizon
        return replace(
            self,
            mean=np.minimum(self.mean, most),
            lower={level: np.minimum(bound, most) for level, bound in self.lower.items()},
            upper={level: np.minimum(bound, most) for level, bound in self.upper.items()},
            total=Total(
                min(self.total.mean, whole),
                {level: min(bound, whole) for level, bound in self.total.lower.items()},
                {level: min(bound, whole) for level, bound in self.total.upper.items()},
            ),
        )
