"""Confidence sequences against the paper's formula, and decisions: seldom wrong, however often somebody looks."""

from itertools import pairwise
from math import log, log1p, sqrt

import numpy as np
import pytest

from finetuning.canary import LEVEL, Arm, Decision, Interval, bounds, decide
from finetuning.canary.deciding import LEAST, SHARE

SEEDS = 400


def written_out(values: list[float], alpha: float) -> tuple[float, float]:
    """Theorem 2 of arXiv 2010.09686 step by step, with the intersection over all steps."""
    seen = squares = bets = weighted = spread = 0.0
    mean, variance, low, high = 0.5, 0.25, 0.0, 1.0
    for t, x in enumerate(values, start=1):
        bet = min(sqrt(2 * log(2 / alpha) / (variance * t * log(1 + t))), 0.5)
        spread += 4 * (x - mean) ** 2 * (-log1p(-bet) - bet) / 4
        bets, weighted, seen = bets + bet, weighted + bet * x, seen + x
        width = (log(2 / alpha) + spread) / bets
        low, high = max(low, weighted / bets - width), min(high, weighted / bets + width)
        mean = (0.5 + seen) / (t + 1)
        squares += (x - mean) ** 2
        variance = (0.25 + squares) / (t + 1)
    return low, high


def flips(seed: int, count: int, rate: float) -> np.ndarray:
    return (np.random.default_rng(seed).random(count) < rate).astype(float)


def arms(
    seed: int, tuned_rate: float, others_rate: float, *, count: int = 3_000, share: float = 0.1
) -> tuple[Arm, Arm]:
    rng = np.random.default_rng(seed)
    is_tuned = rng.random(count) < share
    failed = rng.random(count) < np.where(is_tuned, tuned_rate, others_rate)
    return Arm(failed[is_tuned].astype(float)), Arm(failed[~is_tuned].astype(float))


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.5, 1.0])
def test_bounds_are_the_papers(rate: float) -> None:
    values = flips(7, 500, rate)

    found = bounds(values, 0.05)

    assert (found.lower, found.upper) == pytest.approx(written_out(list(values), 0.05), abs=1e-12)
    assert found.lower <= values.mean() <= found.upper


def test_nothing_says_nothing() -> None:
    assert (bounds([], 0.05).lower, bounds([], 0.05).upper) == (0.0, 1.0)


def test_a_later_look_is_never_less_sure() -> None:
    """So what is decided at the last look was decided at the first that could."""
    values = flips(3, 2_000, 0.2)
    looks = [bounds(values[:count], 0.05) for count in range(1, 2_001, 40)]

    assert all(a.lower <= b.lower and b.upper <= a.upper for a, b in pairwise(looks))


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_the_mean_is_left_out_at_any_time_in_at_most_one_of_twenty(rate: float) -> None:
    outside = sum(not _has(bounds(flips(seed, 1_000, rate), 0.05), rate) for seed in range(SEEDS))

    assert outside <= 0.05 * SEEDS


def _has(interval: Interval, rate: float) -> bool:
    return interval.lower <= rate <= interval.upper


@pytest.mark.parametrize(("rate", "share"), [(0.01, 0.1), (0.2, 0.1), (0.5, 0.5)])
def test_what_is_no_worse_is_seldom_rolled_back(rate: float, share: float) -> None:
    wrong = 0
    for seed in range(SEEDS):
        tuned, others = arms(seed, rate, rate, share=share)
        wrong += decide(tuned, others).decision is Decision.ROLL_BACK

    assert wrong <= LEVEL * SEEDS


def test_scores_of_one_kind_are_seldom_told_apart() -> None:
    wrong = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        tuned, others = rng.beta(8, 2, 400), rng.beta(8, 2, 1_600)
        found = decide(Arm([0.0] * 400, tuned), Arm([0.0] * 1_600, others))
        wrong += found.decision is Decision.ROLL_BACK

    assert wrong <= LEVEL * SEEDS


@pytest.mark.slow
def test_what_is_worse_by_the_margin_is_seldom_promoted() -> None:
    wrong = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        calls = 20_000
        tuned = Arm(flips(seed, calls, 0.03), np.clip(rng.normal(0.75, 0.05, calls), 0, 1))
        others = Arm(flips(seed + 10_000, calls, 0.01), np.clip(rng.normal(0.75, 0.05, calls), 0, 1))
        wrong += decide(tuned, others, may_promote=True).decision is Decision.PROMOTE

    assert wrong <= LEVEL * 200


@pytest.mark.parametrize(("rate", "calls"), [(1.0, 400), (0.2, 3_000), (0.1, 6_000)])
def test_what_fails_more_often_is_rolled_back(rate: float, calls: int) -> None:
    right = 0
    for seed in range(50):
        tuned, others = arms(seed, rate, 0.01, count=calls)
        found = decide(tuned, others)
        right += found.decision is Decision.ROLL_BACK and found.why.startswith("It fails more often: ")

    assert right >= 48


def test_lower_scores_are_rolled_back() -> None:
    rng = np.random.default_rng(1)

    found = decide(Arm([0.0] * 500, rng.beta(5, 5, 500)), Arm([0.0] * 4_500, rng.beta(8, 2, 4_500)))

    assert found.decision is Decision.ROLL_BACK
    assert found.why.startswith("Its answers score lower: ")
    errors, score = found.measures
    assert (errors.name, errors.difference, score.name, score.interval.upper < 0) == ("errors", 0.0, "score", True)


def test_too_few_decide_nothing() -> None:
    others = Arm([0.0] * 500)

    early = decide(Arm([1.0] * (LEAST - 1)), others)
    enough = decide(Arm([1.0] * LEAST), others)

    assert (early.decision, enough.decision) == (Decision.GO_ON, Decision.ROLL_BACK)
    assert early.why == "Too early: 29 of its calls and 500 of others' have ended, 30 of each are needed."
    assert decide(Arm([1.0] * 500), Arm([0.0] * (LEAST - 1))).decision is Decision.GO_ON


def test_promotion_is_asked_for_and_needs_scores() -> None:
    calls = 4_000
    errors = [0.0] * calls
    rng = np.random.default_rng(2)
    scored = [Arm(errors, np.clip(rng.normal(0.8, 0.05, calls), 0, 1)) for _ in range(2)]

    assert decide(*scored).decision is Decision.GO_ON
    assert decide(Arm(errors), Arm(errors), may_promote=True).why.startswith("No promotion without scores: 0 of its")
    found = decide(*scored, may_promote=True)

    assert found.decision is Decision.PROMOTE
    assert found.why.startswith("It is not worse: 0.0% of 4,000 calls against 0.0% of 4,000")


def test_four_sequences_share_the_level() -> None:
    tuned, others = flips(1, 300, 0.1), flips(2, 900, 0.1)

    errors, score = decide(Arm(tuned), Arm(others)).measures

    mine, theirs = bounds(tuned, SHARE), bounds(others, SHARE)
    assert 4 * SHARE == LEVEL
    assert errors.interval.lower == mine.lower - theirs.upper
    assert errors.interval.upper == mine.upper - theirs.lower
    assert (score.tuned, score.tuned_mean, score.difference) == (0, None, None)
    assert (score.interval.lower, score.interval.upper) == (-1.0, 1.0)
