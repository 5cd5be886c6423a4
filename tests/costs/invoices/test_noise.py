"""Bills under noise: days of other zones, lines that come late; and gaps that are found all the same."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bench import bills
from bench.reconciliation import settle
from costs.invoices import zones
from tests.costs.invoices import planted
from tests.costs.invoices.test_planted import run


@pytest.mark.parametrize("ahead", [-11, -8, -5, 3, 5, 8, 13])
def test_the_zone_of_the_vendors_days_is_found(ahead: int) -> None:
    made = bills.month(ahead)
    made.zone = ahead

    found = zones.offset(made.lines(), made.hourly())

    assert (found, zones.is_suspect(made.lines(), made.booked())) == (ahead, True)


@pytest.mark.parametrize("ahead", [-8, 5])
def test_days_of_another_zone_are_nothing_but_timing(ahead: int) -> None:
    made = bills.month(3)
    made.zone = ahead

    found = settle(made)

    assert [one.kind for one in found.causes] == ["timing"]
    assert found.causes[0].amount == found.drift
    assert f"UTC{ahead:+}" in found.causes[0].parts[0].arithmetic
    assert sum(cell.ledger_cost for cell in found.cells) == found.ledger


@pytest.mark.parametrize("gap", bills.GAPS)
def test_a_gap_is_found_in_days_of_another_zone(gap: str) -> None:
    made = bills.month(5)
    total = made.total
    bills.disturb(made)
    made.zone = -8
    plant, cause = bills.GAPS[gap]
    plant(made, total * Decimal("0.08"))

    found = settle(made)

    assert found.causes[0].kind == cause
    assert sum(one.amount for one in found.causes) == found.drift


def test_days_that_are_utcs_have_no_other_zone() -> None:
    made = bills.month(4)
    bills.outside(made, made.total / 10)

    assert zones.is_suspect(made.lines(), made.booked())
    assert zones.offset(made.lines(), made.hourly()) == 0


def test_one_call_a_day_says_nothing_of_a_zone() -> None:
    made = planted.month(1)
    sums: dict[tuple[datetime, str], float] = defaultdict(float)
    for row in made.ledger():
        sums[datetime(row.day.year, row.day.month, row.day.day, 12, tzinfo=UTC), row.model] += float(row.cost)

    assert zones.offset(made.lines(), [zones.Hourly(*key, cost, 0) for key, cost in sums.items()]) == 0


def test_lines_that_come_two_days_late_are_a_matter_of_time() -> None:
    made = planted.month(2)
    use, price = made.rows[0]
    late = use.quantity // 20
    made.rows[0] = (planted.Use(use.day, use.model, use.meter, use.tier, use.quantity - late), price)
    made.rows.append((planted.Use(use.day + timedelta(days=2), use.model, use.meter, use.tier, late), price))

    found = run(made)

    assert (found.drift, {cause for cell in found.cells for cause in cell.causes}) == (Decimal(0), {"timing"})
