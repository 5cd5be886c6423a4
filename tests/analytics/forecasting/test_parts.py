"""Parts of the engine against hand-worked values; parts and wholes add up."""

import numpy as np
import pytest

from analytics.forecasting import forecast, reconcile
from analytics.forecasting.cleaning import clean
from analytics.forecasting.conformal import half_widths, ranked, student
from analytics.forecasting.ensemble import combine, weights
from analytics.forecasting.origins import origins
from analytics.forecasting.periods import PERIODS
from analytics.forecasting.strategies.naive import seasonal_median, seasonal_naive
from analytics.forecasting.strategies.smoothing import damped_trend, smoothed_level


def test_conformal_quantile_is_the_ranked_error() -> None:
    errors = np.arange(1.0, 101.0)

    assert ranked(errors, 0.95) == 96.0  # ⌈101 × 0.95⌉
    assert ranked(errors, 0.5) == 51.0


def test_too_few_errors_for_a_level_widen_the_largest() -> None:
    assert ranked(np.array([1.0, 2.0, 3.0]), 0.95) > 3.0


def test_half_widths_do_not_fall_with_the_step() -> None:
    errors = np.r_[np.full((1, 12), 5.0), np.full((1, 12), 5.0)]
    errors = np.hstack([errors, np.full((2, 12), 1.0)])

    widths = half_widths(errors, (0.5, 0.95), 36, 24)

    assert widths[0.5][0] == 5.0
    assert widths[0.5][23] == 5.0
    assert widths[0.5][35] == pytest.approx(5.0 * np.sqrt(36 / 24))


@pytest.mark.parametrize(("level", "freedom", "value"), [(0.95, 10, 2.228), (0.8, 4, 1.533), (0.95, 30, 2.042)])
def test_student_quantiles_equal_the_tables(level: float, freedom: float, value: float) -> None:
    assert student(level, freedom) == pytest.approx(value, rel=0.003)  # two-sided, any statistics text's table


def test_the_middle_of_the_members_ignores_one_that_runs_away() -> None:
    members = np.array([[[1.0]], [[2.0]], [[3.0]], [[1000.0]], [[np.nan]]])

    found = combine(members, np.ones((5, 1)))

    assert found[0, 0] == pytest.approx(2.5)  # between the 30th and the 70th percentile of four equal weights


def test_weights_are_inverse_squares_without_the_own_origin() -> None:
    found = weights(np.array([[1.0, 1.0], [2.0, 4.0]]))

    assert found[:, 0] == pytest.approx([1.0, 1 / 9], rel=0.01)  # relative errors 1 and (2 + 4) ÷ 2
    assert found[:, 1] == pytest.approx([1.0, 1 / 16], rel=0.01)
    assert found[:, 2] == pytest.approx([1.0, 1 / 4], rel=0.01)


def test_origins_of_a_long_history_do_not_overlap() -> None:
    found = origins(700, 48, PERIODS["hour"])

    assert found.points == (652, 604, 556, 508, 460)
    assert found.steps == 48


def test_origins_of_a_short_history_look_less_far() -> None:
    found = origins(80, 100, PERIODS["hour"])

    assert found.steps < 40
    assert all(end + found.steps <= 80 for end in found.all)


def test_gaps_take_the_season_before() -> None:
    series = clean([1.0, 2.0, np.nan, 4.0, 5.0, np.inf], season=3)

    assert list(series.values * series.scale) == [1.0, 2.0, 3.0, 4.0, 5.0, 3.0]
    assert series.notes == ("2 missing values were filled in from the season before",)


def test_naive_strategies() -> None:
    values = np.array([9.0, 1, 2, 3, 4, 5, 6])

    assert list(seasonal_naive(values, [7], 4, 3)[0]) == [4, 5, 6, 4]
    assert list(seasonal_median(values, [7], 3, 3, 2)[0]) == [2.5, 3.5, 4.5]
    assert np.isnan(seasonal_naive(values, [2], 4, 3)).all()


def test_smoothing_follows_a_level_and_a_trend() -> None:
    assert smoothed_level(np.full(50, 4.0)) == pytest.approx(4.0)
    path = damped_trend(np.arange(40.0), [40], 2)[0]
    assert path == pytest.approx([40.0, 41.0], abs=0.5)


def test_projects_teams_and_the_organization_add_up() -> None:
    hours, random = np.arange(24 * 40), np.random.default_rng(3)
    projects = {
        name: np.maximum(0, size * (2 + np.sin(hours * np.pi / 12)) + random.normal(0, size, len(hours)))
        for name, size in {"a": 10, "b": 3, "c": 1}.items()
    }
    series = {**projects, "team": projects["a"] + projects["b"], "org": sum(projects.values())}
    alone = {name: forecast(values, horizon=48) for name, values in series.items()}

    found = reconcile(alone, {"org": ["team", "c"], "team": ["a", "b"]})

    assert np.array_equal(found["team"].mean, found["a"].mean + found["b"].mean)
    assert np.array_equal(found["org"].mean, found["team"].mean + found["c"].mean)
    assert found["org"].total.mean == found["team"].total.mean + found["c"].total.mean
    assert found["org"].mean == pytest.approx(alone["org"].mean, rel=0.2)
    for name, each in found.items():
        assert (each.mean >= 0).all(), name
        assert (each.lower[0.95] <= each.mean).all(), name
        assert (each.upper[0.95] >= each.mean).all(), name


def test_a_part_has_one_whole() -> None:
    alone = forecast([1.0] * 100, horizon=2)

    with pytest.raises(ValueError):
        reconcile({"x": alone, "y": alone, "a": alone}, {"x": ["a"], "y": ["a"]})
