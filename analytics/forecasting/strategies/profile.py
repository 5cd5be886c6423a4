"""The season's profile (hour of the week, day of the week) times a smoothed level."""

import numpy as np

from analytics.forecasting.shapes import Floats
from analytics.forecasting.strategies.smoothing import smoothed_level


def profile_level(values: Floats, ends: list[int], horizon: int, season: int, unit: int, seasons: int) -> Floats:
    """Shares of the last `seasons` seasons times the level of blocks of `unit` steps, simple exponential smoothing."""
    return np.array([_one(values[:end], horizon, season, unit, seasons) for end in ends])


def _one(values: Floats, horizon: int, season: int, unit: int, seasons: int) -> Floats:
    count = min(seasons, len(values) // season)
    if count < 2:
        return np.full(horizon, np.nan)
    table = values[len(values) - count * season :].reshape(count, season)
    sums = table.mean(axis=1, keepdims=True)
    shares = np.divide(table, sums, out=np.zeros_like(table), where=sums > 0)
    profile = shares.mean(axis=0)
    if not profile.any():
        return np.zeros(horizon)
    blocks = table.reshape(-1, unit).sum(axis=1)
    expected = np.tile(profile, count).reshape(-1, unit).sum(axis=1)
    usable = expected > 1e-9 * expected.max()
    level = smoothed_level(blocks[usable] / expected[usable])
    return np.asarray(np.resize(profile, horizon) * level)
