"""Differences, tests and verdicts against published figures."""

import random

import pytest

from finetuning.evaluation import Verdict, compare, detectable, holm, mcnemar


def scores(both: int, first: int, second: int, none: int) -> tuple[list[float], list[float]]:
    """How many items both, only the first, only the second, and none got right."""
    a = [1.0] * both + [1.0] * first + [0.0] * second + [0.0] * none
    b = [1.0] * both + [0.0] * first + [1.0] * second + [0.0] * none
    return a, b


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(0, 0, 1.0), (3, 3, 1.0), (1, 0, 1.0), (5, 0, 2 / 32), (9, 1, 2 * 11 / 1024), (17, 286, 3.6e-64)],
)
def test_mcnemar(wins: int, losses: int, p: float) -> None:
    assert mcnemar(wins, losses) == pytest.approx(p, rel=0.02)
    assert mcnemar(wins, losses) == mcnemar(losses, wins)


def test_newcombe_interval_of_his_paper() -> None:
    # Table II of the paper, 36, 12, 2, 0 of 50: difference 0.20, method 10 gives 0.0569 to 0.3404
    found = compare(*scores(36, 2, 12, 0), margin=0.01)

    assert found.difference == pytest.approx(0.20)
    assert found.lower == pytest.approx(0.0569, abs=5e-5)
    assert found.upper == pytest.approx(0.3404, abs=5e-5)


def test_a_real_tuned_head_is_better() -> None:
    # 1,000 rows of Banking77: 61.8 % zero-shot against 88.7 %, discordant 17 and 286
    found = compare(*scores(601, 17, 286, 96), margin=0.02)

    assert found.first == pytest.approx(0.618)
    assert found.second == pytest.approx(0.887)
    assert (found.wins, found.losses, found.ties) == (286, 17, 697)
    assert found.verdict is Verdict.BETTER
    assert found.lower == pytest.approx(0.24, abs=0.003)
    assert found.upper == pytest.approx(0.298, abs=0.003)
    assert found.p_value == pytest.approx(3.6e-64, rel=0.02)


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ((80, 15, 1, 4), Verdict.WORSE),
        ((900, 5, 5, 90), Verdict.EQUIVALENT),
        ((40, 4, 6, 0), Verdict.CANNOT_TELL),
        ((40, 0, 5, 0), Verdict.CANNOT_TELL),  # interval from 0.0105 on, but McNemar's p = 0.0625
        ((50, 0, 0, 0), Verdict.CANNOT_TELL),  # no difference seen, but fifty items show little
    ],
)
def test_verdicts(cells: tuple[int, int, int, int], verdict: Verdict) -> None:
    assert compare(*scores(*cells), margin=0.02).verdict is verdict


@pytest.mark.parametrize(
    ("items", "discordance", "points"),
    [(50, 0.1, 8.8), (50, 0.2, 12.4), (50, 0.3, 15.2), (200, 0.1, 4.4), (200, 0.3, 7.6), (500, 0.1, 2.8)],
)
def test_what_so_many_items_could_show(items: int, discordance: float, points: float) -> None:
    assert 100 * detectable(items, discordance) == pytest.approx(points, abs=0.05)


def test_scores_are_bootstrapped() -> None:
    draw = random.Random(3)
    first = [draw.random() * 0.5 for _ in range(400)]
    second = [score + 0.1 for score in first]
    found = compare(first, second, margin=0.02)

    assert found.lower == pytest.approx(0.1)
    assert found.upper == pytest.approx(0.1)
    assert found.verdict is Verdict.BETTER
    assert found.wins == 400
    assert found.win_rate_lower == pytest.approx(400 / (400 + 1.959964**2))


def test_items_of_one_cluster_count_as_what_they_are() -> None:
    draw = random.Random(5)
    first, second, clusters = [], [], []
    for cluster in range(12):
        gain = draw.choice((0.0, 1.0))
        for _ in range(20):
            first.append(0.0)
            second.append(gain)
            clusters.append(cluster)
    alone, together = compare(first, second, margin=0.01), compare(first, second, margin=0.01, clusters=clusters)

    assert together.upper - together.lower > 3 * (alone.upper - alone.lower)
    assert together.difference == alone.difference


@pytest.mark.parametrize("clusters", [None, ["one"] * 3], ids=["an item", "a cluster"])
def test_one_of_its_kind_says_nothing_of_others(clusters: list[str] | None) -> None:
    items = 1 if clusters is None else 3
    found = compare([0.2] * items, [0.9] * items, margin=0.01, clusters=clusters)

    assert (found.lower, found.upper, found.p_value) == (-1.0, 1.0, 1.0)
    assert found.verdict is Verdict.CANNOT_TELL


def test_holm() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [1.0, 0.0])])
def test_both_need_the_same_items(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="same items"):
        compare(first, second, margin=0.01)
