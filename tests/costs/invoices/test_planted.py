"""Planted gaps: each is the first cause that is found, for many seeds and sizes, alone and in pairs."""

from datetime import timedelta
from decimal import Decimal
from itertools import combinations

import pytest

from costs.invoices.causes import Outcome, reconcile
from costs.invoices.items import BilledLine, Booked, LineKey
from tests.costs.invoices import planted
from tests.costs.invoices.planted import GAPS, Month

SEEDS = range(1, 21)
PAIRS = list(combinations(("cached_detail", "tier", "price", "outside", "credit", "unpriced"), 2))


def run(made: Month, **export: object) -> Outcome:
    lines = made.lines(**export)  # type: ignore[arg-type]
    return reconcile(lines, made.ledger(), made.book)


def size(seed: int) -> Decimal:
    """1 to 30 % of the month's spend, another one for each seed."""
    return Decimal(1 + (seed * 7) % 30) / 100


@pytest.mark.parametrize("seed", SEEDS)
def test_sides_that_agree_have_no_drift(seed: int) -> None:
    found = run(planted.month(seed))

    assert (found.drift, found.causes) == (Decimal(0), ())
    assert {cell.drift for cell in found.cells} == {Decimal(0)}


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_gap_is_the_first_cause(gap: str, seed: int) -> None:
    made = planted.month(seed)
    plant, cause = GAPS[gap]
    plant(made, made.total * size(seed))

    found = run(made)

    assert found.causes[0].kind == cause
    assert sum(one.amount for one in found.causes) == found.drift
    assert abs(found.causes[0].amount - found.drift) <= abs(found.drift) / 100


@pytest.mark.parametrize(
    "pair", list(combinations(("cached_detail", "tier", "price", "outside", "credit", "unpriced"), 2))
)
@pytest.mark.parametrize("seed", range(1, 6))
def test_two_gaps_are_the_first_two_causes(pair: tuple[str, str], seed: int) -> None:
    made = planted.month(seed)
    for index, gap in enumerate(pair):
        GAPS[gap][0](made, made.total * (Decimal("0.12") if index == 0 else Decimal("0.06")))

    found = run(made)

    assert {one.kind for one in found.causes[:2]} == {GAPS[gap][1] for gap in pair}
    assert sum(one.amount for one in found.causes) == found.drift


def test_costs_of_adjusting_entries_that_move_no_tokens_are_compared() -> None:
    days = [planted.FIRST + timedelta(days=index) for index in range(3)]
    key = LineKey(days[0], "gpt-4.1", "input", None, "usage", "USD", "")
    lines = [BilledLine(key._replace(day=day), cost=Decimal(3), rows=1) for day in days]
    booked = [Booked(day, "gpt-4.1", "input", "", Decimal(0), Decimal(2)) for day in days]

    found = reconcile(lines, booked, planted.Book())

    assert found.drift == sum(one.amount for one in found.causes) == Decimal(3)
