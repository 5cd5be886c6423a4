"""Every two candidates on every metric, with a verdict that may be "cannot tell"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Literal

import numpy as np

from analytics.compare import intervals
from analytics.compare.intervals import Estimate
from analytics.compare.metrics import METRICS, Metric
from analytics.compare.samples import Floats, Sample

Verdict = Literal["better", "worse", "equivalent", "cannot_tell"]
LEVEL = 0.95
FEWEST_IN_BAND = 8
FEWEST = 30
"""Measured requests that each of two needs in common bands."""
LEAST_SHARED = 0.5
"""Of the measured requests of two, how many have to lie in common bands for the rest not to matter."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`a` against `b`. `difference` and its simultaneous interval: relative for cost and speed, absolute for the
    others; None when they have too little in common, `reason` says what. `shared`: part of their requests compared."""

    a: str
    b: str
    metric: str
    difference: float | None
    lower: float | None
    upper: float | None
    level: float
    verdict: Verdict
    shared: float
    reason: str


class _Cells:
    """Measured values of one candidate by band, and their bootstrapped means."""

    def __init__(self, sample: Sample, metric: Metric, seed: Sequence[int]) -> None:
        values = metric.values(sample)
        if metric.scale == "ratio_of_medians":
            values = np.log(np.where(values > 0, values, np.nan))
        known = ~np.isnan(values)
        keys, values = sample.strata(by_output=metric.by_output)[known], values[known]
        self.count = len(values)
        rng = np.random.default_rng(seed)
        parts: dict[int, Floats] = {int(key): np.sort(values[keys == key]) for key in np.unique(keys)}  # any order
        self.values = {key: part for key, part in parts.items() if len(part) >= FEWEST_IN_BAND}
        is_drawn = metric.scale != "proportion"
        self.means = {key: intervals.resampled(part, rng) for key, part in self.values.items()} if is_drawn else {}


def compare(samples: Sequence[Sample], metrics: Sequence[Metric] = METRICS, *, seed: int = 7) -> list[Pair]:
    """All pairs on all metrics; deterministic for a seed. Intervals hold together: the level of each is raised by
    Bonferroni's inequality so that all of one metric cover at once with 95 %."""
    found = []
    couples = list(combinations(range(len(samples)), 2))
    for place, metric in enumerate(metrics):
        level = 1 - (1 - LEVEL) / max(1, len(couples))
        z = NormalDist().inv_cdf(1 - (1 - level) / 2)
        cells = [_Cells(sample, metric, (seed, place, i)) for i, sample in enumerate(samples)]
        found += [_pair(samples[i].id, samples[j].id, cells[i], cells[j], metric, level, z) for i, j in couples]
    return found


def _pair(a: str, b: str, left: _Cells, right: _Cells, metric: Metric, level: float, z: float) -> Pair:
    common = left.values.keys() & right.values.keys()
    counts = [sum(len(cells.values[key]) for key in common) for cells in (left, right)]
    measured = left.count + right.count
    shared = sum(counts) / measured if measured else 0.0
    reason = _too_little(min(left.count, right.count), min(counts), shared)
    estimate = None if min(counts) == 0 else _estimate(left, right, metric, z)
    if estimate is None:
        return Pair(a, b, metric.name, None, None, None, level, "cannot_tell", shared, reason or "nothing was charged")
    verdict: Verdict = "cannot_tell" if reason else verdict_of(estimate, metric)
    if verdict == "cannot_tell" and not reason:
        reason = "the interval allows for better and for worse, or for a difference too small to matter"
    return Pair(a, b, metric.name, estimate.difference, estimate.lower, estimate.upper, level, verdict, shared, reason)


def _too_little(measured: int, common: int, shared: float) -> str:
    if measured == 0:
        return "one of them has nothing measured"
    if common == 0:
        return "they were never given requests of the same size"
    if common < FEWEST:
        return f"fewer than {FEWEST} requests of the same sizes"
    if shared < LEAST_SHARED:
        return "most of their requests are of different sizes"
    return ""


def _estimate(left: _Cells, right: _Cells, metric: Metric, z: float) -> Estimate | None:
    common = left.values.keys() & right.values.keys()
    a, b = ({key: cells.values[key] for key in common} for cells in (left, right))
    match metric.scale:
        case "proportion":
            return intervals.of_proportions(a, b, z)
        case "ratio_of_medians":
            return intervals.of_medians(a, b, left.means, right.means, z)
    return intervals.of_means(a, b, left.means, right.means, z, is_ratio=metric.scale == "ratio_of_means")


def verdict_of(estimate: Estimate, metric: Metric) -> Verdict:
    """Equivalent when the whole interval lies within the margin; better or worse when it leaves out zero."""
    if -metric.margin <= estimate.lower and estimate.upper <= metric.margin:
        return "equivalent"
    if estimate.upper < 0:
        return "better" if metric.lower_is_better else "worse"
    if estimate.lower > 0:
        return "worse" if metric.lower_is_better else "better"
    return "cannot_tell"
