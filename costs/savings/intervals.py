"""How sure a replayed saving is. Pure.

What varies from day to day is shown by a circular block bootstrap of the daily savings (Politis and Romano, "A circular
block resampling procedure for stationary data", 1992): blocks of 7 days where the window has 4 weeks, else of
⌈days^⅓⌉ days; windows of less than 3 days are cut by the hour. The interval holds the saving of a window like this one.
Where a change guesses token counts, the saving under both ends of the guess widens it: each end is the bootstrap's,
times what that end of the guess gives relative to the middle.
"""

import math
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from costs.savings.lines import DAY_MS, HOUR_MS
from costs.savings.proposals import Interval
from costs.savings.units import Ints, money, total

LEVEL = Decimal("0.9")
RESAMPLES = 1_000
WEEKS = 28
FEW_DAYS = 3


def interval(saved: Ints, at: Ints, window: tuple[int, int], *, low: int | None = None, high: int | None = None
             ) -> Interval:  # fmt: skip
    """Of what lines save (`saved` in 1e-10, lines that start `at`) in a window of Unix milliseconds. `low`, `high`:
    the whole saving under the ends of a guess. Deterministic; holds the saving itself and is never below 0."""
    point = total(saved)
    sums = _sums(saved, at, window)
    drawn = resampled(sums)
    lower, upper = (float(np.quantile(drawn, q)) for q in (float(1 - LEVEL) / 2, 1 - float(1 - LEVEL) / 2))
    if point > 0:
        lower *= min(1.0, low / point) if low is not None else 1.0
        upper *= max(1.0, high / point) if high is not None else 1.0
    return Interval(LEVEL, money(max(0, min(point, math.floor(lower)))), money(max(point, math.ceil(upper))))


def _sums(saved: Ints, at: Ints, window: tuple[int, int]) -> NDArray[np.float64]:
    step = DAY_MS if window[1] - window[0] >= FEW_DAYS * DAY_MS else HOUR_MS
    steps = max(1, -((window[0] - window[1]) // step))
    where = np.clip((at - window[0]) // step, 0, steps - 1)
    return np.bincount(where, weights=saved.astype(np.float64), minlength=steps).astype(np.float64)


def resampled(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1000,) totals of windows made of blocks of these."""
    count = len(sums)
    length = 7 if count >= WEEKS else math.ceil(count ** (1 / 3))
    blocks = -(-count // length)
    starts = np.random.default_rng(count).integers(0, count, size=(RESAMPLES, blocks))
    index = (starts[:, :, None] + np.arange(length)) % count
    return np.asarray(sums[index.reshape(RESAMPLES, -1)[:, :count]].sum(axis=1))
