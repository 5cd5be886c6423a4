"""Parts of an amount: exact, in proportion, in whole units of 1e-10."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.allocation.rules import Tier
from costs.allocation.split import prorated, split, tiered

AMOUNTS = st.integers(-(10**18), 10**18).map(lambda units: Decimal(units).scaleb(-10))
JUNE = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def test_a_third_each() -> None:
    assert split(Decimal("1"), [1, 1, 1]) == [Decimal("0.3333333334"), Decimal("0.3333333333"), Decimal("0.3333333333")]


def test_the_largest_remainder_gets_what_is_left() -> None:
    # 5 units by 1:2:4 are 0.714…, 1.428… and 2.857…: the third and the first get one more
    parts = split(Decimal("0.0000000005"), [1, 2, 4])

    assert parts == [Decimal("0.0000000001"), Decimal("0.0000000001"), Decimal("0.0000000003")]


def test_a_negative_amount_is_shared_like_a_positive_one() -> None:
    assert split(Decimal("-1"), [1, 1, 1]) == [-part for part in split(Decimal("1"), [1, 1, 1])]


def test_who_has_no_weight_gets_nothing() -> None:
    assert split(Decimal("10"), [0, Decimal("0.5"), 0]) == [0, Decimal("10"), 0]


@pytest.mark.parametrize(("amount", "weights"), [("1", [0, 0]), ("1", [2, -1]), ("0.00000000001", [1])])
def test_what_cannot_be_shared(amount: str, weights: list[int]) -> None:
    with pytest.raises(ValueError, match=r"weights|decimal places"):
        split(Decimal(amount), weights)


@given(AMOUNTS, st.lists(st.decimals(0, 10**6, places=4), min_size=1, max_size=30))
def test_parts_are_the_amount_and_near_their_share(amount: Decimal, weights: list[Decimal]) -> None:
    if not sum(weights):
        weights[0] = Decimal(1)
    parts = split(amount, weights)

    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount * weight) <= Decimal("1e-10") * sum(weights) + Decimal("1e-12")


TIERS = (Tier(Decimal(100), ()), Tier(Decimal(250), ()), Tier(None, ()))


@pytest.mark.parametrize(
    ("amount", "parts"),
    [("0", ["0", "0", "0"]), ("40", ["40", "0", "0"]), ("100", ["100", "0", "0"]), ("180", ["100", "80", "0"]),
     ("1000", ["100", "150", "750"]), ("-3", ["-3", "0", "0"])],
)  # fmt: skip
def test_tiers(amount: str, parts: list[str]) -> None:
    assert tiered(Decimal(amount), TIERS) == [Decimal(part) for part in parts]


def test_half_of_june_is_half_of_its_amount() -> None:
    assert prorated(Decimal("1500"), JUNE[0], JUNE[0] + timedelta(days=15), JUNE) == Decimal("750")


@given(AMOUNTS, st.lists(st.integers(0, 30 * 86_400 * 10**6), max_size=10))
def test_windows_that_make_up_the_month_sum_to_its_amount(amount: Decimal, cuts: list[int]) -> None:
    edges = [JUNE[0], *sorted(JUNE[0] + timedelta(microseconds=cut) for cut in cuts), JUNE[1]]

    assert sum(prorated(amount, a, b, JUNE) for a, b in itertools.pairwise(edges)) == amount
