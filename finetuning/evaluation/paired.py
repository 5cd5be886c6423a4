"""The difference of two models on the same items: interval, test, and a verdict that may be "cannot tell".

Right or wrong: McNemar's exact test, and Newcombe's interval of a paired difference (Statistics in Medicine 17, 1998,
2635-2650, method 10). Scores: percentile bootstrap of the mean difference. Items that belong together (several of one
conversation) are drawn together, since intervals that ignore it are far too narrow (Miller 2024, arXiv 2411.00640).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from analytics.compare.intervals import wilson

LEVEL = 0.95
RESAMPLES = 2_000
ALONE = (-1.0, 1.0, 1.0)
"""One item, or one cluster of them, says nothing of how others would go: the whole range, and no evidence."""
SEED = 7


class Verdict(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`difference`: mean of second - first. `wins`: items on which the second is better. `win_rate_*`: Wilson interval
    of its wins among the items on which the two differ; None when there is none. `detectable`: half of the interval
    that as many items would give at the discordance seen, the smallest difference they could show."""

    items: int
    first: float
    second: float
    difference: float
    lower: float
    upper: float
    p_value: float
    wins: int
    ties: int
    losses: int
    win_rate_lower: float | None
    win_rate_upper: float | None
    detectable: float
    verdict: Verdict


def compare(
    first: Sequence[float], second: Sequence[float], *, margin: float, level: float = LEVEL,
    clusters: Sequence[Hashable] | None = None,
) -> Comparison:  # fmt: skip
    """`first`, `second`: scores in [0, 1] of the same items in the same order; `margin`: a difference that would not
    matter. Equivalent: the whole interval lies within the margin (which is two one-sided tests)."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if len(a) != len(b) or not len(a):
        raise ValueError("Both models must be scored on the same items, at least on one.")
    if margin <= 0:
        raise ValueError("The margin must be above zero.")
    groups = len(a) if clusters is None else len(set(clusters))
    z = NormalDist().inv_cdf((1 + level) / 2)
    difference = b - a
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    is_binary = bool(np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all())
    if is_binary and clusters is None:
        lower, upper = _newcombe(a, b, z)
        p_value = mcnemar(wins, losses)
    else:
        lower, upper, p_value = _bootstrap(difference, clusters, level) if groups > 1 else ALONE
    differ = wins + losses
    won: tuple[float | None, float | None] = wilson(wins / differ, differ, z) if differ else (None, None)
    return Comparison(
        len(a), float(a.mean()), float(b.mean()), float(difference.mean()), lower, upper, p_value, wins,
        len(a) - differ, losses, won[0], won[1], z * math.sqrt(float(np.square(difference).mean()) / len(a)),
        _verdict(lower, upper, margin, is_shown=p_value <= 1 - level),
    )  # fmt: skip


def detectable(items: int, discordance: float, level: float = LEVEL) -> float:
    """Half of the interval that `items` give when the two differ on a share `discordance` of them."""
    return NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(discordance / items)


def mcnemar(wins: int, losses: int) -> float:
    """Two-sided exact p-value of the discordant pairs; 1 without any."""
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, float(2 * tail / 2**n))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for having looked at several metrics (Holm 1979), in their order."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _verdict(lower: float, upper: float, margin: float, *, is_shown: bool) -> Verdict:
    """Better or worse only when interval and exact test agree: the interval alone lies a little too near."""
    if -margin < lower and upper < margin:
        return Verdict.EQUIVALENT
    if lower > 0 and is_shown:
        return Verdict.BETTER
    if upper < 0 and is_shown:
        return Verdict.WORSE
    return Verdict.CANNOT_TELL


def _newcombe(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], z: float) -> tuple[float, float]:
    """Interval of mean(b) - mean(a)."""
    n = len(a)
    both, only_b = float((a * b).sum()), float(((1 - a) * b).sum())
    only_a, none = float((a * (1 - b)).sum()), float(((1 - a) * (1 - b)).sum())
    p, q = (both + only_b) / n, (both + only_a) / n
    (low_p, high_p), (low_q, high_q) = wilson(p, n, z), wilson(q, n, z)
    spread = (both + only_b) * (only_a + none) * (both + only_a) * (only_b + none)
    product = both * none - only_a * only_b
    if product > 0:
        product = max(0.0, product - n / 2)
    phi = product / math.sqrt(spread) if spread else 0.0

    def reach(down: float, up: float) -> float:
        return math.sqrt(max(0.0, down * down - 2 * phi * down * up + up * up))

    return p - q - reach(p - low_p, high_q - q), p - q + reach(q - low_q, high_p - p)


def _bootstrap(
    difference: npt.NDArray[np.float64], clusters: Sequence[Hashable] | None, level: float
) -> tuple[float, float, float]:
    """Percentile interval of the mean, and a two-sided p-value: twice the share of means on the other side of zero."""
    sums, sizes = _grouped(difference, clusters)
    random = np.random.default_rng(SEED)
    means = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = random.integers(0, len(sums), len(sums))
        means[number] = sums[drawn].sum() / sizes[drawn].sum()
    lower, upper = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    side = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return float(lower), float(upper), min(1.0, 2 * (side + 1) / (RESAMPLES + 1))


def _grouped(
    difference: npt.NDArray[np.float64], clusters: Sequence[Hashable] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if clusters is None:
        return difference, np.ones(len(difference))
    if len(clusters) != len(difference):
        raise ValueError("Every item needs its cluster.")
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    places = np.array([numbers[cluster] for cluster in clusters])
    return np.bincount(places, difference).astype(np.float64), np.bincount(places).astype(np.float64)
