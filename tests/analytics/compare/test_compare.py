"""Comparisons against published and hand-computed values, and against mixes made to mislead."""

import math
from dataclasses import replace

import numpy as np
import pytest

from analytics.compare import METRICS, Sample, best_for, compare, standings
from analytics.compare.intervals import Estimate, of_proportions, wilson
from analytics.compare.pairs import Pair, verdict_of

COST, SPEED, RELIABILITY, QUALITY = METRICS
ARRAYS = ("input_tokens", "output_tokens", "is_error", "cost", "duration_ms", "quality")


def sample(id: str, inputs: np.ndarray, *, seed: int, unit_cost: float = 1e-6, ms: float = 400.0,
           errors: float = 0.0, quality: float | None = None, output: int = 100) -> Sample:  # fmt: skip
    rng = np.random.default_rng(seed)
    n = len(inputs)
    noise = rng.lognormal(0, 0.3, n)
    scores = np.full(n, np.nan) if quality is None else np.clip(rng.normal(quality, 0.1, n), 0, 1)
    return Sample(
        id, inputs.astype(np.int64), np.full(n, output, np.int64), rng.random(n) < errors, inputs * unit_cost * noise,
        (ms + inputs * 0.1) * rng.lognormal(0, 0.3, n), scores,
    )  # fmt: skip


def sizes(small: int, large: int) -> np.ndarray:
    return np.concatenate([np.full(small, 200.0), np.full(large, 8_000.0)])


def of(pairs: list, metric: str):  # type: ignore[no-untyped-def, type-arg]
    return next(pair for pair in pairs if pair.metric == metric)


def test_a_dearer_bill_for_bigger_requests_is_not_dearer() -> None:
    cheap = sample("cheap", sizes(200, 800), seed=1, unit_cost=0.8e-6)
    dear = sample("dear", sizes(800, 200), seed=2, unit_cost=1e-6)

    found = of(compare([cheap, dear]), "cost")

    assert cheap.cost.mean() > 2 * dear.cost.mean()
    assert found.verdict == "better"
    assert found.difference == pytest.approx(-0.2, abs=0.04)
    assert found.lower < -0.2 < found.upper
    assert found.shared == 1.0


def test_the_order_of_requests_changes_nothing() -> None:
    pair = [sample("a", sizes(300, 100), seed=5, errors=0.1, quality=0.7),
            sample("b", sizes(100, 300), seed=6, ms=500.0, errors=0.2, quality=0.6)]  # fmt: skip
    order = np.random.default_rng(8).permutation(400)
    shuffled = [replace(one, **{name: getattr(one, name)[order] for name in ARRAYS}) for one in pair]

    assert compare(shuffled) == compare(pair)


def pair(a: str, b: str, verdict: str) -> Pair:
    return Pair(a, b, "cost", -0.1, -0.2, 0.1, 0.95, verdict, 1.0, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        ({"ab": "cannot_tell", "ac": "better", "bc": "better"}, "Alpha and b cannot be told apart."),
        ({"ab": "equivalent", "ac": "cannot_tell", "bc": "cannot_tell"}, "Alpha, b and c cannot be told apart."),
        ({"ab": "better", "ac": "cannot_tell", "bc": "better"}, "Alpha cannot be told apart from c."),
        ({"ab": "better", "ac": "worse", "bc": "better"}, "Each is worse than another one."),
    ],
)
def test_who_cannot_be_told_apart_is_named(verdicts: dict[str, str], reason: str) -> None:
    found = best_for("abc", [pair(*two, verdict) for two, verdict in verdicts.items()], {"a": "Alpha"})[0]

    assert (found.use_case, found.id, found.reason) == ("lowest_cost", None, reason)


def test_the_same_thing_twice_is_rarely_told_apart() -> None:
    claims = 0
    for seed in range(100):
        a, b = (sample(name, sizes(60, 60), seed=1000 * i + seed) for i, name in enumerate("ab"))
        claims += of(compare([a, b], (COST,)), "cost").verdict in ("better", "worse")

    assert claims <= 9  # 5 expected; more than 9 has a chance of 2.8 %


def test_many_of_the_same_are_equivalent() -> None:
    rng_sizes = sizes(9_000, 9_000)

    found = of(compare([sample("a", rng_sizes, seed=3), sample("b", rng_sizes, seed=4)], (COST,)), "cost")

    assert found.verdict == "equivalent"


def test_different_sizes_cannot_be_compared() -> None:
    found = of(compare([sample("a", sizes(500, 0), seed=1), sample("b", sizes(0, 500), seed=2)]), "cost")

    assert (found.verdict, found.difference, found.shared) == ("cannot_tell", None, 0.0)
    assert found.reason == "they were never given requests of the same size"


def test_mostly_different_sizes_cannot_be_told() -> None:
    found = of(compare([sample("a", sizes(500, 40), seed=1), sample("b", sizes(0, 400), seed=2)]), "cost")

    assert (found.verdict, found.reason) == ("cannot_tell", "most of their requests are of different sizes")
    assert found.shared == pytest.approx(440 / 940)


def test_few_requests_cannot_be_told() -> None:
    found = of(compare([sample("a", sizes(20, 0), seed=1), sample("b", sizes(20, 0), seed=2, unit_cost=9e-6)]), "cost")

    assert (found.verdict, found.reason) == ("cannot_tell", "fewer than 30 requests of the same sizes")


def test_proportions_as_published() -> None:
    """Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339."""
    a = {0: np.r_[np.ones(56), np.zeros(14)]}
    b = {0: np.r_[np.ones(48), np.zeros(32)]}

    found = of_proportions(a, b, 1.959964)

    assert found.difference == pytest.approx(0.2)
    assert (round(found.lower, 4), round(found.upper, 4)) == (0.0524, 0.3339)


def test_wilson_as_published() -> None:
    """Newcombe 1998 (Statistics in Medicine 17, 857-872), table I: 81/263 is 0.2553 to 0.3662; 0/20 is 0 to 0.1611."""
    assert tuple(round(x, 4) for x in wilson(81 / 263, 263, 1.959964)) == (0.2553, 0.3662)
    assert tuple(round(x, 4) for x in wilson(0, 20, 1.959964)) == (0.0, 0.1611)


def test_no_failure_in_few_requests_proves_nothing() -> None:
    pair = of(compare([sample("a", sizes(40, 0), seed=1), sample("b", sizes(40, 0), seed=2)]), "reliability")

    assert (pair.difference, pair.verdict) == (0.0, "cannot_tell")
    assert pair.upper == pytest.approx(0.0876, abs=1e-4)  # Wilson's upper end of 0/40: z² ÷ (n + z²)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [((-0.3, -0.1), "better"), ((0.1, 0.3), "worse"), ((-0.01, 0.015), "equivalent"), ((-0.1, 0.1), "cannot_tell"),
     ((-0.019, -0.001), "equivalent")],
)  # fmt: skip
def test_verdicts(interval: tuple[float, float], expected: str) -> None:
    assert verdict_of(Estimate(sum(interval) / 2, *interval), COST) == expected


def test_higher_scores_are_better() -> None:
    assert verdict_of(Estimate(0.2, 0.1, 0.3), QUALITY) == "better"
    assert verdict_of(Estimate(-0.2, -0.3, -0.1), QUALITY) == "worse"


def test_ranks_are_shared_by_those_who_cannot_be_told_apart() -> None:
    mix = sizes(300, 300)
    samples = [
        sample("fast", mix, seed=1, ms=200), sample("slow", mix, seed=2, ms=900, errors=0.2, quality=0.9),
        sample("slow too", mix, seed=3, ms=900, quality=0.6),
    ]  # fmt: skip

    pairs = compare(samples)
    found = {one.id: one for one in standings([s.id for s in samples], pairs)}
    best = {one.use_case: one for one in best_for([s.id for s in samples], pairs)}

    assert [found[name].ranks["speed"] for name in ("fast", "slow", "slow too")] == [1, 2, 2]
    assert [found[name].ranks["reliability"] for name in ("fast", "slow", "slow too")] == [1, 3, 1]
    assert [found[name].ranks["quality"] for name in ("fast", "slow", "slow too")] == [None, 1, 2]
    assert found["fast"].strengths[0] == "faster than all 2 others"
    assert "less reliable than all 2 others" in found["slow"].weaknesses
    assert (best["fastest_answers"].id, best["most_reliable"].id) == ("fast", None)
    assert best["highest_quality"].id is None  # "fast" has no scores, so nobody is better than all


def test_the_level_covers_all_pairs_of_a_metric() -> None:
    mix = sizes(100, 0)
    pairs = compare([sample(name, mix, seed=i) for i, name in enumerate("abc")], (SPEED,))

    assert [pair.level for pair in pairs] == [pytest.approx(1 - 0.05 / 3)] * 3


def test_it_is_deterministic() -> None:
    a, b = sample("a", sizes(50, 50), seed=1), sample("b", sizes(50, 50), seed=2)

    assert compare([a, b]) == compare([a, b])
    assert math.isfinite(of(compare([a, b]), "speed").difference)
