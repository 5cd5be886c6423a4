"""The scoring rules against cases worked by hand from the paper's formulas (arXiv:1510.03336, §II)."""

from pathlib import Path

import numpy as np
import pytest

from analytics.anomaly import score
from bench import nab
from bench.nab import LOW_FN, LOW_FP, STANDARD, Labelled


def series(count: int, *windows: tuple[int, int]) -> Labelled:
    times = np.datetime64("2026-01-01", "s") + np.arange(count) * 300
    return Labelled("made", times, np.zeros(count), windows)


def alerts(count: int, *at: int) -> nab.Floats:
    found = np.zeros(count)
    found[list(at)] = 1.0
    return found


def test_the_sigmoid_at_the_papers_points() -> None:
    values = nab.sigmoid(np.array([-1.0, 0.0, 1.0, 3.0, 3.1, 500.0]))

    # 2 / (1 + e^5y) - 1
    assert values == pytest.approx([0.986614298151, 0.0, -0.986614298151, -0.999999388195, -1.0, -1.0], abs=1e-12)


def test_an_alert_is_worth_most_at_a_windows_left_edge_and_little_at_its_right_one() -> None:
    worth, inside = nab.weights(20, [(10, 13)])

    # positions in the window -4/4, -3/4, -2/4, -1/4, weighed against the left edge's
    expected = [0.9866143, 0.9540454, 0.8482836, 0.5545989]
    assert worth[10:14] == pytest.approx([value / 0.9866143 for value in expected], abs=1e-6)
    assert inside.tolist() == [-1] * 10 + [0] * 4 + [-1] * 6
    assert worth[:10].tolist() == [-1.0] * 10
    # after it: 1/3, 2/3, 3/3 … of the window's length less one
    assert worth[14:17] == pytest.approx([-0.6822621, -0.9311096, -0.9866143], abs=1e-6)


@pytest.mark.parametrize(
    ("at", "profile", "wanted"),
    [
        ((), STANDARD, 0.0),
        ((40,), STANDARD, 100.0),
        ((20,), STANDARD, -5.5),
        ((20, 40), STANDARD, 94.5),
        ((20, 40), LOW_FP, 89.0),
        ((20,), LOW_FN, -100 * 0.11 / 3),
        ((5, 40), STANDARD, 100.0),  # the first 15 % are not scored
        ((40, 41, 42), STANDARD, 100.0),  # the best alert of a window counts, the others are free
    ],
)
def test_one_window_of_a_hundred_points(at: tuple[int, ...], profile: nab.Profile, wanted: float) -> None:
    found = nab.outcome([series(100, (40, 49))], [alerts(100, *at)], 0.5, profile)

    assert found.score == pytest.approx(wanted)


def test_probation_ends_after_750_points_at_the_latest() -> None:
    assert [nab.probation(count) for count in (100, 4032, 5000, 18050)] == [15, 604, 750, 750]


def test_the_optimiser_finds_what_trying_every_threshold_finds() -> None:
    rng = np.random.default_rng(3)
    corpus = [series(200, (60, 80), (130, 150)), series(150, (100, 120)), series(90)]
    scores = [np.round(rng.random(len(each.values)), 2) for each in corpus]

    for profile in nab.PROFILES:
        every = [nab.outcome(corpus, scores, level, profile).score for level in np.unique(np.concatenate(scores))]
        assert nab.best(corpus, scores, profile).score == pytest.approx(max(every))


def test_precision_counts_runs_of_alerts_and_recall_windows() -> None:
    found = nab.outcome([series(100, (40, 49), (80, 89))], [alerts(100, 20, 21, 22, 48, 49, 50, 70)], 0.5, STANDARD)

    assert (found.episodes, found.precision, found.recall) == (3, pytest.approx(1 / 3), 0.5)


@pytest.mark.needs_shared
def test_the_detector_keeps_its_score_on_the_sample(shared_dir: Path) -> None:
    corpus = nab.read(shared_dir / "data" / "nab_dev")

    found = nab.best(corpus, [score(each.times, each.values) for each in corpus], STANDARD)

    assert len(corpus) == 23
    assert sum(len(each.windows) for each in corpus) == 54
    assert (round(found.score, 1), round(found.precision, 2), round(found.recall, 2)) == (63.2, 0.53, 0.74)
