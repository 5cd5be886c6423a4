"""Intervals of a difference between two candidates over the bands that both were seen in.

Bands are weighted by the requests of both together (direct standardisation), so that neither candidate's own mix of
sizes decides. Means: the standard error is bootstrapped within each band (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, §8.3), of ratios on the logarithmic scale. Proportions: Wilson's score intervals combined by Newcombe's
method 10 (Statistics in Medicine 17, 1998, 873-890), which holds where nothing failed and a bootstrap says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.compare.samples import Floats

RESAMPLES = 400
BLOCK = 2_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """a against b: relative for ratios (0.1 is 10 % more), absolute otherwise."""

    difference: float
    lower: float
    upper: float


Cells = Mapping[int, Floats]
"""band → measured values of one candidate in it."""


def weights(a: Cells, b: Cells) -> dict[int, float]:
    """Share of each common band in the requests of both; they add up to 1."""
    common = sorted(a.keys() & b.keys())
    sizes = {key: len(a[key]) + len(b[key]) for key in common}
    total = sum(sizes.values())
    return {key: size / total for key, size in sizes.items()}


def resampled(values: Floats, rng: np.random.Generator) -> Floats:
    """Means of `RESAMPLES` samples drawn with replacement. float[RESAMPLES]."""
    n = len(values)
    step = max(1, BLOCK // n)
    parts = [
        values[rng.integers(0, n, (min(step, RESAMPLES - at), n))].mean(axis=1) for at in range(0, RESAMPLES, step)
    ]
    return np.concatenate(parts)


def of_means(
    a: Cells, b: Cells, means_a: Mapping[int, Floats], means_b: Mapping[int, Floats], z: float, *, is_ratio: bool
) -> Estimate | None:
    """Difference of standardised means. `means_*`: `resampled` of each band. None for a ratio to nothing."""
    share = weights(a, b)
    first = sum(w * float(a[key].mean()) for key, w in share.items())
    second = sum(w * float(b[key].mean()) for key, w in share.items())
    many_a = np.sum([w * means_a[key] for key, w in share.items()], axis=0)
    many_b = np.sum([w * means_b[key] for key, w in share.items()], axis=0)
    if not is_ratio:
        error = z * math.hypot(float(many_a.std()), float(many_b.std()))
        return Estimate(first - second, first - second - error, first - second + error)
    if min(first, second, many_a.min(), many_b.min()) <= 0:
        return None
    return _relative(math.log(first / second), z * math.hypot(float(np.log(many_a).std()), float(np.log(many_b).std())))


def of_medians(
    a: Cells, b: Cells, means_a: Mapping[int, Floats], means_b: Mapping[int, Floats], z: float
) -> Estimate | None:
    """Ratio of geometric means; of times, which are nearly log-normal, that is the ratio of medians. Values are
    logarithms."""
    found = of_means(a, b, means_a, means_b, z, is_ratio=False)
    assert found is not None
    return Estimate(*(math.expm1(value) for value in (found.difference, found.lower, found.upper)))


def _relative(middle: float, error: float) -> Estimate:
    return Estimate(math.expm1(middle), math.expm1(middle - error), math.expm1(middle + error))


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Score interval of a proportion `p` of `n` (Wilson, JASA 22, 1927)."""
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def of_proportions(a: Cells, b: Cells, z: float) -> Estimate:
    """Difference of standardised proportions. `n` of each is what an equally certain plain sample would have."""
    share = weights(a, b)
    p, n = _standardised(a, share)
    q, m = _standardised(b, share)
    (low_p, high_p), (low_q, high_q) = wilson(p, n, z), wilson(q, m, z)
    down, up = math.hypot(p - low_p, high_q - q), math.hypot(high_p - p, q - low_q)
    return Estimate(p - q, p - q - down, p - q + up)


def _standardised(cells: Cells, share: Mapping[int, float]) -> tuple[float, float]:
    rate = sum(w * float(cells[key].mean()) for key, w in share.items())
    return rate, 1 / sum(w * w / len(cells[key]) for key, w in share.items())
