"""Intervals: what varies by day, what a guess adds, and what they must hold."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.savings.intervals import interval
from costs.savings.lines import DAY_MS, HOUR_MS
from costs.savings.units import money


def days(*savings: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    count = len(savings)
    return np.asarray(savings), np.arange(count) * DAY_MS + 5, (0, count * DAY_MS)


def test_the_same_every_day_is_certain() -> None:
    found = interval(*days(*[10_000_000_000] * 30))

    assert (found.level, found.lower, found.upper) == (Decimal("0.9"), 30, 30)


def test_two_levels_by_turns_are_as_certain_as_the_bootstrap_says() -> None:
    # blocks of ⌈10^⅓⌉ = 3 days out of 10 by turns 0 and 2: a block sums to 2 or 4; the windows are 3 blocks and a day
    found = interval(*days(*[0, 20_000_000_000] * 5))

    assert (found.lower, found.upper) == (6, 14)


def test_a_guess_widens_both_ends_in_proportion() -> None:
    found = interval(*days(*[10_000_000_000] * 10), low=25_000_000_000, high=150_000_000_000)

    assert (found.lower, found.upper) == (Decimal("2.5"), 15)


def test_a_day_is_cut_into_hours() -> None:
    at = np.arange(24) * HOUR_MS
    found = interval(np.asarray([0, 10_000_000_000] * 12), at, (0, DAY_MS))

    assert found.lower < 12 < found.upper


@pytest.mark.filterwarnings("error")
@given(st.lists(st.integers(-(10**12), 10**13), min_size=1, max_size=40))
def test_the_saving_itself_is_in_it(savings: list[int]) -> None:
    found = interval(*days(*savings))
    point = Decimal(sum(savings)).scaleb(-10)

    assert max(Decimal(0), min(point, found.upper)) >= found.lower >= 0
    assert found.upper >= point


def test_a_saving_beyond_64_bits_is_held_too() -> None:
    saved = np.full(3, 2**62, dtype=np.int64)

    found = interval(saved, np.asarray([0, DAY_MS, 2 * DAY_MS]), (0, 3 * DAY_MS))

    assert (found.lower, found.upper) == (money(3 * 2**62), money(3 * 2**62))
