"""The scores of one series: causal, safe, and what they find."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.anomaly import clean, score
from analytics.anomaly.detectors import Level, Residual, Value
from analytics.anomaly.detectors.base import beyond
from analytics.anomaly.experts import NAMES, expect
from analytics.anomaly.fusion import WARM_UP, quieted

HOURS = np.datetime64("2026-01-01T00", "h") + np.arange(24 * 60)
DAILY = 100 + 50 * np.sin(2 * np.pi * np.arange(len(HOURS)) / 24)


def noisy(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(DAILY).astype(float)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=200), st.data())
def test_later_points_never_change_earlier_scores(values: list[float], data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(values)))
    times = HOURS[: len(values)]

    whole = score(times, values)

    assert score(times[:end], values[:end]).tolist() == whole[:end].tolist()
    assert ((whole >= 0) & (whole <= 1)).all()


@pytest.mark.parametrize("end", [0, 1, 24, 25, 26, 31, 47, 48, 49, 50, 169, 700, 1439])
def test_the_same_for_a_seasonal_series_with_gaps(end: int) -> None:
    values = noisy()
    kept = np.random.default_rng(2).random(len(values)) > 0.1
    times, values = HOURS[kept], values[kept]
    values[100:130] = np.nan

    whole = score(times, values)

    assert score(times[:end], values[:end]).tolist() == whole[:end].tolist()


@pytest.mark.parametrize("values", [[], [1.0], [np.nan] * 100, [5.0] * 100, [0.0] * 100, [1e308] * 50 + [-1e308] * 50])
def test_degenerate_series_have_finite_scores(values: list[float]) -> None:
    found = score(HOURS[: len(values)], values)

    assert found.shape == (len(values),)
    assert np.isfinite(found).all()
    if len(set(values)) == 1:
        assert not found.any()


def test_a_spike_after_a_constant_scores_high_and_once() -> None:
    values = np.full(200, 3.0)
    values[150:160] = 90.0

    found = score(HOURS[:200], values)

    assert np.flatnonzero(found).tolist()[0] == 150
    assert found[150] > 0.8
    assert found.argmax() == 150


def test_the_runaway_hour_is_the_strangest() -> None:
    values = noisy()
    values[1000] = 900.0

    assert int(score(HOURS, values).argmax()) == 1000


def test_a_usual_value_at_an_unusual_hour_is_seen_by_the_residual_alone() -> None:
    values = DAILY.copy()
    values[24 * 40 + 18] = 150.0  # the daily peak, in the trough
    series = clean(HOURS, values)

    assert Residual().excess(series)[24 * 40 + 18] > 0
    assert Value().excess(series)[24 * 40 + 18] == pytest.approx(0.0, abs=1e-9)


def test_the_level_sees_a_shift_within_the_range() -> None:
    values = np.tile([0.0, 10.0], 100)
    values[150:] = 9.0

    assert Level().excess(clean(HOURS[:200], values))[150:].max() > 1


def test_beyond_counts_in_twentieths_of_the_range_before() -> None:
    assert beyond(np.array([0.0, 10.0, 11.0, 5.0, -2.2])).tolist() == pytest.approx([0, 20, 2, 0, 4])


def test_one_event_speaks_once() -> None:
    assert quieted(np.array([0.0, 2.0, 1.0, 3.0, 3.0, 2.0, 0.0, 0.0, 0.0, 1.0])).tolist() == [0, 2, 0, 3] + [0] * 5 + [
        1
    ]


def test_the_season_is_the_expert_of_a_daily_rhythm() -> None:
    values = np.where(np.arange(len(HOURS)) % 24 == 2, 100.0, 1.0)

    found = expect(clean(HOURS, values))

    assert NAMES[found.expert[-1]].startswith("same time of day")
    assert found.values[-24:].tolist() == [1.0, 1.0, 100.0] + [1.0] * 21


def test_times_in_every_form_give_the_same_scores() -> None:
    values = noisy()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = score(HOURS, values).tolist()

    assert score([start + timedelta(hours=hour) for hour in range(len(values))], values).tolist() == wanted
    assert score(np.arange(len(values)) * 3600 + 1_767_225_600, values).tolist() == wanted
    assert score([str(hour) for hour in HOURS], values).tolist() == wanted


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="of one length"):
        score(HOURS[:3], [1.0])


def test_nothing_is_said_while_warming_up_or_where_nothing_is_known() -> None:
    values = np.r_[np.full(10, 1.0), 1000.0, np.full(60, 1.0)]
    values[50] = np.inf

    found = score(HOURS[: len(values)], values)

    assert not found[:WARM_UP].any()
    assert found[50] == 0
