"""A forecast of a measure's history."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analytics.outlook.history import History, predict

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def history(measure: str) -> History:
    """Two hundred hours between 0.9 and 1."""
    values = np.random.default_rng(7).uniform(0.9, 1.0, 200)
    times = [NOON + timedelta(hours=hour) for hour in range(200)]
    return History(measure, "hour", "UTC", times, values, times[-1] + timedelta(hours=1))


@pytest.mark.parametrize("measure", ["success_rate", "cache_hit_rate", "apdex", "quality_score"])
def test_a_share_is_never_above_one(measure: str) -> None:
    found = predict(history(measure), 48)

    assert found.mean.max() <= 1.0
    assert max(bound.max() for bound in found.upper.values()) == 1.0
    assert all((found.lower[level] <= found.mean).all() for level in found.lower)


def test_other_measures_have_no_bound() -> None:
    found = predict(history("requests_per_minute"), 48)

    assert found.upper[0.95].max() > 1.0
