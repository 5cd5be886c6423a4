"""Leases and bookings that meet on many counters in random order: nobody waits in a circle, nothing is lost."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg

from costs.budgets.money import PER_UNIT, units
from costs.budgets.views import BudgetView
from tests.costs.budgets.owners import Owner, counters, make_budget, make_organization

Connection = psycopg.Connection[Any]
MS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)
PROCESSES, BUDGETS, CALLS = 6, 10, 25
HOLD = PER_UNIT // 100


def test_many_scopes_in_random_order_never_deadlock(ledger: Connection, conninfo: str) -> None:
    organization = make_organization(ledger)
    amount = format(units(HOLD * 40), "f")
    budgets = [
        make_budget(ledger, organization, amount, scope="tag", scope_value=f"b{number}=1") for number in range(BUDGETS)
    ]

    with ThreadPoolExecutor(PROCESSES) as pool:
        admitted = sum(pool.map(lambda seed: work(conninfo, organization, budgets, seed), range(PROCESSES)))

    rows = counters(ledger, organization)
    assert admitted > CALLS
    assert all(row["spent"] <= HOLD * 40 for row in rows)
    assert all((row["leased"], row["leases"], row["rows"]) == (0, 0, 0) for row in rows)
    assert sum(row["spent"] for row in rows) == booked(ledger, organization)


def work(conninfo: str, organization: str, budgets: list[BudgetView], seed: int) -> int:
    """One process: calls on random budgets, named in random order, each booked at once. A deadlock raises."""
    draw, admitted = random.Random(seed), 0
    with psycopg.connect(conninfo, autocommit=True) as connection:
        owner = Owner(connection, organization, budgets, processes=PROCESSES)
        for _ in range(CALLS):
            chosen = draw.sample(budgets, draw.randint(2, 6))
            if owner.call(HOLD, MS, budgets=chosen) == "ok":
                admitted += 1
                owner.settle(owner.calls[0], HOLD)
                owner.book()
        for _ in range(3):
            owner.sync(now=owner.now + 100)
    return admitted


def booked(connection: Connection, organization: str) -> int:
    """Cost times the number of budgets of every line, in ticks."""
    row = connection.execute(
        "SELECT coalesce(sum(cost * (SELECT count(*) FROM jsonb_object_keys(tag_set))), 0) FROM gateway_ledgerline "
        "WHERE organization = %s",
        [organization],
    ).fetchone()
    assert row is not None
    return int(row[0] * PER_UNIT)
