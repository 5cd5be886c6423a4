"""Intervals from the back-test's own errors (split conformal prediction).

Vovk, Gammerman & Shafer (2005), *Algorithmic Learning in a Random World*: the half-width at level p is the
⌈(n + 1)p⌉-th smallest absolute error. Errors of neighbouring steps are pooled, since one origin gives one error a step;
they depend on each other, and the weights were chosen on the same windows, so a fifth of the error that a level allows
is kept back.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from analytics.forecasting.shapes import Floats

KEPT_BACK, KEPT_BACK_POWER = 0.3, 8
POOL = 12


def half_widths(errors: Floats, levels: Sequence[float], horizon: int, season: int) -> dict[float, Floats]:
    """Half-widths float[horizon] a level, non-decreasing in the step and in the level.

    `errors` float[origins, steps] are absolute; steps beyond the tried ones grow with the square root of the distance.
    """
    steps = errors.shape[1]
    pool = max(1, min(POOL, season // 2 if season > 1 else 4, steps))
    widths: dict[float, Floats] = {}
    below: Floats = np.zeros(horizon)
    for level in sorted(levels):
        quantile = 1.0 - (1.0 - level) * (1.0 - KEPT_BACK * level**KEPT_BACK_POWER)
        tried = np.concatenate(
            [
                np.full(min(pool, steps - begin), ranked(_pooled(errors, begin, pool), quantile))
                for begin in range(0, steps, pool)
            ]
        )
        tried = np.maximum.accumulate(tried)
        beyond = tried[-1] * np.sqrt(np.arange(steps + 1, horizon + 1) / steps)
        below = np.maximum(below, np.concatenate([tried, beyond])[:horizon])
        widths[level] = below
    return widths


def _pooled(errors: Floats, begin: int, pool: int) -> Floats:
    """The errors of one pool, completed from its neighbours when the last one is shorter."""
    begin = max(0, min(begin, errors.shape[1] - pool))
    return errors[:, begin : begin + pool].reshape(-1)


def ranked(errors: Floats, quantile: float) -> float:
    """The conformal quantile. With too few errors for the level, the largest widened as a normal tail would be."""
    count = len(errors)
    rank = int(np.ceil((count + 1) * quantile - 1e-9))
    if rank <= count:
        return float(np.partition(errors, rank - 1)[rank - 1])
    reached = count / (count + 1)
    return float(errors.max()) * max(1.0, normal(quantile) / max(normal(reached), 0.1))


def total_half_widths(sums: Floats, levels: Sequence[float], growth: float) -> dict[float, float]:
    """Half-widths of the sum over the horizon from the back-test's errors of such sums.

    A t-interval on their root mean square, since there are too few of them for ranks. Overlapping windows are
    dependent, so degrees of freedom are half of their number. `growth` extrapolates to a horizon longer than tried.
    """
    spread = float(np.sqrt(np.mean(sums**2))) * growth
    freedom = max(2.0, len(sums) / 2)
    return {level: spread * student(level, freedom) for level in levels}


def normal(level: float) -> float:
    """z with P(|Z| ≤ z) = level."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def student(level: float, freedom: float) -> float:
    """t with P(|T| ≤ t) = level: the expansion of Fisher & Cornish (1960), Abramowitz & Stegun 26.7.5."""
    z = normal(level)
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + g1 / freedom + g2 / freedom**2 + g3 / freedom**3
