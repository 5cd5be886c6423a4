"""Exponential smoothing: of a level, and of a level with a damped trend.

Gardner & McKenzie (1985), "Forecasting trends in time series", Management Science 31(10). Parameters are taken from a
small grid by one-step squared error; all of the grid is run at once.
"""

import numpy as np

from analytics.forecasting.shapes import Floats

ALPHAS = np.array([0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8])
TREND_GRID = np.array([(a, b, phi) for a in (0.1, 0.3, 0.5, 0.8) for b in (0.05, 0.2) for phi in (0.8, 0.9, 0.98)])
LONGEST = 400


def smoothed_level(values: Floats) -> float:
    """The last level of simple exponential smoothing."""
    values = values[-LONGEST:]
    level = np.full(len(ALPHAS), values[: max(1, min(4, len(values)))].mean())
    squares = np.zeros(len(ALPHAS))
    for value in values.tolist():
        errors = value - level
        squares += errors * errors
        level = level + ALPHAS * errors
    return float(level[squares.argmin()])


def simple(values: Floats, ends: list[int], horizon: int) -> Floats:
    """The smoothed level for every step."""
    return np.array([np.full(horizon, smoothed_level(values[:end])) for end in ends])


def damped_trend(values: Floats, ends: list[int], horizon: int) -> Floats:
    """Level plus a trend that fades."""
    return np.array([_damped(values[:end], horizon) for end in ends])


def _damped(values: Floats, horizon: int) -> Floats:
    if len(values) < 5:
        return np.full(horizon, np.nan)
    values = values[-LONGEST:]
    alpha, beta, phi = TREND_GRID.T
    level = np.full(len(TREND_GRID), values[0])
    trend = np.full(len(TREND_GRID), (values[min(4, len(values) - 1)] - values[0]) / 4)
    squares = np.zeros(len(TREND_GRID))
    for value in values[1:].tolist():
        errors = value - level - phi * trend
        squares += errors * errors
        level = level + phi * trend + alpha * errors
        trend = phi * trend + alpha * beta * errors
    best = squares.argmin()
    damping = np.cumsum(phi[best] ** np.arange(1, horizon + 1))
    return np.asarray(level[best] + trend[best] * damping)
