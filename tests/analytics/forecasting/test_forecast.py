"""The engine on made and real series: exact where the answer is known, bounds where it is a matter of luck."""

import csv
from pathlib import Path

import numpy as np
import pytest

from analytics.forecasting import Effect, forecast

M4 = Path(__file__).resolve().parents[4] / "shared" / "data" / "m4_hourly_dev.csv"
LEVELS = (0.5, 0.8, 0.95)


def days(count: int, noise: float = 5.0) -> np.ndarray:
    """Hours with a daily wave of 50 about 100."""
    wave = 100 + 50 * np.sin(np.arange(24 * count) * np.pi / 12)
    return wave + np.random.default_rng(1).normal(0, noise, 24 * count)


def test_a_season_without_noise_is_continued_exactly() -> None:
    values = days(30, noise=0.0)

    found = forecast(values, horizon=48)

    assert np.allclose(found.mean, values[:48], atol=1e-3)
    assert found.backtest.origins == 5
    assert found.backtest.error == pytest.approx(0, abs=1e-4)
    assert found.seasonality[24] == pytest.approx(1)
    assert found.trend == pytest.approx(0, abs=1e-4)


def test_what_is_stated_about_a_forecast() -> None:
    found = forecast(days(30), horizon=48)

    assert found.method == "ensemble"
    assert found.candidates[0].method == "ensemble"
    assert {"seasonal naive 24", "seasonal naive 168", "weekly profile × level"} <= {c.method for c in found.candidates}
    assert found.candidates[0].backtest_error == pytest.approx(found.backtest.error)
    assert 0.03 < (found.backtest.error or 0) < 0.06
    assert set(found.backtest.coverage) == set(LEVELS)
    assert 0.9 <= found.backtest.coverage[0.95] <= 1
    assert found.total.mean == pytest.approx(found.mean.sum())
    assert not found.low_confidence
    assert found.horizon == 48


@pytest.mark.parametrize("period", ["hour", "day", "week", "month", 1, 5])
@pytest.mark.parametrize("horizon", [1, 30, 200])
@pytest.mark.parametrize("count", [1, 8, 20, 90, 500])
@pytest.mark.parametrize("kind", ["usual", "zero", "huge", "missing", "fading", "negative", "spike"])
def test_any_series_has_finite_nested_bands_that_widen(period: str | int, horizon: int, count: int, kind: str) -> None:
    usual = days(30)[:count]
    values = {
        "usual": usual, "zero": np.zeros(count), "huge": usual * 1e300, "negative": -usual,
        "missing": np.where(np.arange(count) % 3 == 1, np.nan, usual),
        "fading": np.where(np.arange(count) > count // 2, 0.0, usual),
        "spike": np.where(np.arange(count) == count - 1, 7.0, 0.0),
    }[kind]  # fmt: skip

    found = forecast(values, horizon=horizon, period=period, levels=LEVELS)

    assert found.mean.shape == (horizon,)
    inner_low = inner_high = found.mean
    for level in LEVELS:
        low, high = found.lower[level], found.upper[level]
        assert np.isfinite(low).all()
        assert np.isfinite(high).all()
        assert ((low >= 0) & (low <= inner_low) & (high >= inner_high)).all()
        assert (np.diff(high - found.mean) >= -1e-9 * max(1.0, high.max())).all()
        assert found.total.lower[level] <= found.total.mean <= found.total.upper[level]
        inner_low, inner_high = low, high
    if kind in ("zero", "negative"):
        assert not found.mean.any()


def test_a_constant_series_stays_and_is_certain() -> None:
    found = forecast([3.7] * 200, horizon=10, period="day")

    assert found.mean == pytest.approx([3.7] * 10)
    assert found.upper[0.95] == pytest.approx([3.7] * 10, rel=1e-6)
    assert found.trend == pytest.approx(0, abs=1e-9)


def test_short_history_falls_back_and_says_so() -> None:
    found = forecast([4.0, 6.0, 5.0], horizon=3)

    assert found.method == "mean of the last 3 steps"
    assert list(found.mean) == [5.0, 5.0, 5.0]
    assert found.low_confidence
    assert found.backtest.origins == 0
    assert "3 values of history are too few" in found.notes[-1]


def test_a_band_beyond_what_could_be_tested_is_called_extrapolated() -> None:
    found = forecast(days(5), horizon=200)

    assert found.backtest.steps < 200
    assert any("extrapolated" in note for note in found.notes)
    assert (np.diff(found.upper[0.8] - found.mean) >= -1e-9).all()


@pytest.mark.parametrize(
    ("values", "arguments"),
    [([], {}), ([np.nan], {}), ([1.0], {"horizon": 0}), ([1.0], {"horizon": 1.5}), ([1.0], {"period": "decade"}),
     ([1.0], {"period": 0}), ([1.0], {"levels": ()}), ([1.0], {"levels": (95,)}), ([[1.0], [2.0]], {})],
)  # fmt: skip
def test_senseless_questions_are_refused(values: list, arguments: dict) -> None:
    with pytest.raises(ValueError):
        forecast(values, **{"horizon": 1, **arguments})


def test_missing_values_before_the_first_known_one_do_not_count() -> None:
    values = days(30)

    padded = forecast(np.r_[np.full(100, np.nan), values], horizon=24)

    assert np.array_equal(padded.mean, forecast(values, horizon=24).mean)


def test_a_known_price_change_moves_the_forecast_by_its_factor() -> None:
    values = days(30, noise=0.0)
    factors = np.r_[np.ones(720), np.full(48, 0.8)]

    found = forecast(values, horizon=48, effects=[Effect("gpt-4o is 20 % cheaper", factors=factors)])

    assert np.allclose(found.mean, 0.8 * values[:48], atol=1e-3)
    assert found.notes == ("gpt-4o is 20 % cheaper: factor 0.80 by the end of the horizon",)


def test_a_change_in_the_past_is_taken_out_before_the_past_is_judged() -> None:
    values, factors = days(30, noise=0.0), np.r_[np.ones(360), np.full(360 + 24, 2.0)]

    found = forecast(values * factors[:720], horizon=24, effects=[Effect("price doubled", factors=factors)])

    assert np.allclose(found.mean, 2 * values[:24], atol=1e-3)


def test_month_ends_are_learned_and_drawn_to_one_while_few() -> None:
    usual = np.full(112, 10.0)
    marked = np.zeros(112 + 28, dtype=bool)
    marked[[20, 48, 76, 104, 132]] = True
    usual[marked[:112]] = 20.0

    found = forecast(usual, horizon=28, period="day", effects=[Effect("month end", steps=marked)])

    assert found.mean[20] == pytest.approx(15.0, rel=0.15)  # 1 + 4 ÷ (4 + 4) × (2 − 1)
    assert found.notes == ("month end: factor 1.50, learned from the history",)
    assert found.mean[20] > 1.3 * found.mean[19]


def test_an_effect_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 101 steps"):
        forecast([1.0] * 100, horizon=1, effects=[Effect("x", factors=[1.0])])


def test_earlier_values_alone_decide_a_back_test() -> None:
    """What comes after an origin changes nothing of what was predicted there."""
    from analytics.forecasting.members import predictions
    from analytics.forecasting.periods import PERIODS

    values = days(40)
    changed = np.r_[values[:700], values[700:] * 3]

    before, _ = predictions(values, [700], 48, PERIODS["hour"])
    after, _ = predictions(changed, [700], 48, PERIODS["hour"])

    assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)


@pytest.mark.needs_shared
@pytest.mark.skipif(not M4.exists(), reason="needs ../shared/data/m4_hourly_dev.csv")
def test_m4_hourly_is_better_than_the_seasonal_naive_and_covered() -> None:
    with M4.open() as rows:
        series = [(int(r[1]), np.array(r[3:], dtype=float)) for r in list(csv.reader(rows))[1::10]]

    ours, naive, inside = [], [], []
    for train, values in series:
        history, actual = values[:train], values[train : train + 48]
        found = forecast(history, horizon=48)
        scale = np.abs(history[24:] - history[:-24]).mean()
        ours.append(np.abs(found.mean - actual).mean() / scale)
        naive.append(np.abs(np.resize(history[-24:], 48) - actual).mean() / scale)
        inside.append((found.lower[0.95] <= actual) & (actual <= found.upper[0.95]))

    assert np.mean(ours) < 0.75 * np.mean(naive)
    assert 0.9 < np.mean(inside) < 0.99
