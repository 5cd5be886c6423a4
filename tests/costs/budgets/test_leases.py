"""Leases against a real database: grants, slices, returns, death, recall; one process at a time, step by step."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from costs.budgets.money import PER_UNIT
from tests.costs.budgets.owners import Owner, counters, make_budget, make_organization

Connection = psycopg.Connection[Any]
MS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)
CALL = PER_UNIT  # every call holds and costs 1.00


@pytest.fixture
def acme(ledger: Connection) -> str:
    return make_organization(ledger)


def test_two_processes_admit_exactly_what_the_budget_pays(ledger: Connection, acme: str) -> None:
    budget = make_budget(ledger, acme, "5")
    one, two = Owner(ledger, acme, [budget]), Owner(ledger, acme, [budget])

    answers = [owner.call(CALL, MS) for owner in (one, two) * 4]

    assert answers == ["ok"] * 5 + ["wait"] * 3
    [counter] = counters(ledger, acme)
    assert (counter["spent"], counter["leased"], counter["leases"]) == (0, 5 * CALL, 5 * CALL)


def test_settled_calls_are_told_from_held_ones_before_they_are_booked(ledger: Connection, acme: str) -> None:
    budget = make_budget(ledger, acme, "2")
    one, two = Owner(ledger, acme, [budget]), Owner(ledger, acme, [budget])
    one.call(CALL, MS)
    one.call(CALL, MS)
    assert two.call(CALL, MS) == "wait"

    for call in list(one.calls):
        one.settle(call, CALL)
    one.sync()

    assert two.call(CALL, MS) == "dry"
    assert counters(ledger, acme)[0]["spent"] == 0
    one.book()
    assert two.call(CALL, MS) == "dry"
    [counter] = counters(ledger, acme)
    assert (counter["spent"], counter["leased"]) == (2 * CALL, 0)
