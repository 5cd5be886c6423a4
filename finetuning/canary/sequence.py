"""Confidence sequences: intervals of a mean that hold at all times at once, so looking again costs nothing.

Source: I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024),
arXiv 2010.09686: the predictable plug-in empirical Bernstein confidence sequence (Theorem 2, with λ of equation 15 and
c = 1/2), which needs nothing but values in [0, 1] whose mean, given those before, stays the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

C = 0.5
"""Most that is ever bet on one value."""


@dataclass(frozen=True, slots=True)
class Interval:
    lower: float
    upper: float


def bounds(values: Sequence[float], alpha: float) -> Interval:
    """The interval of the mean after `values` (0–1, in the order in which they came).

    It is the intersection of the intervals after each of them: with probability 1 - `alpha` the mean is in all of them,
    however often and whenever somebody looks. [0, 1] while there is no value. O(n) float64.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        return Interval(0.0, 1.0)
    times = np.arange(1, x.size + 1, dtype=np.float64)
    means = (0.5 + np.cumsum(x)) / (times + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (times + 1)
    known_means = np.concatenate(([0.5], means[:-1]))  # before the value came
    known_variances = np.concatenate(([0.25], variances[:-1]))
    log = np.log(2 / alpha)
    bets = np.minimum(np.sqrt(2 * log / (known_variances * times * np.log1p(times))), C)
    spreads = 4 * (x - known_means) ** 2 * (-np.log1p(-bets) - bets) / 4
    weights = np.cumsum(bets)
    middles = np.cumsum(bets * x) / weights
    widths = (log + np.cumsum(spreads)) / weights
    lower, upper = np.max(middles - widths), np.min(middles + widths)
    return Interval(float(np.clip(lower, 0, 1)), float(np.clip(upper, 0, 1)))
