"""Whatever processes do, in whatever order, and whoever dies: no budget is overspent, and spent is what was booked."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.budgets.money import ticks, units
from costs.budgets.views import BudgetView
from tests.costs.budgets.owners import Owner, counters, make_budget, make_organization

Connection = psycopg.Connection[Any]
MS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)
UNIT = 10**9  # 0.10
AMOUNTS = st.lists(st.integers(1, 30), min_size=1, max_size=3)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["call", "call", "call", "settle", "settle", "sync", "book", "die"]),
        st.integers(0, 2),  # which process
        st.integers(1, 7),  # size of the hold; which open call
        st.integers(0, 4),  # part of the hold that it costs; lines booked
        st.sets(st.integers(0, 2), min_size=1),  # which budgets
    ),
    max_size=40,
)


class World:
    """Three processes and up to three budgets of one organization, seen from outside."""

    def __init__(self, connection: Connection, amounts: list[int]) -> None:
        self.connection = connection
        self.organization = make_organization(connection, f"o-{datetime.now(UTC).timestamp()}".replace(".", "-"))
        self.budgets = [
            make_budget(
                connection, self.organization, format(units(n * UNIT), "f"), scope="tag", scope_value=f"b{at}=1"
            )
            for at, n in enumerate(amounts)
        ]
        self.amounts = {budget.id: n * UNIT for budget, n in zip(self.budgets, amounts, strict=True)}
        self.owners = [Owner(connection, self.organization, self.budgets, processes=3) for _ in range(3)]

    def step(self, what: str, at: int, size: int, part: int, which: set[int]) -> None:
        owner = self.owners[at]
        owner.now += 0.3
        if what == "call":
            mine: list[BudgetView] = [budget for n, budget in enumerate(self.budgets) if n in which] or self.budgets
            owner.call(size * UNIT, MS, least=UNIT // 10, budgets=mine)
        elif what == "settle" and owner.calls:
            call = owner.calls[size % len(owner.calls)]
            owner.settle(call, call.hold * part // 4)
        elif what == "sync":
            owner.sync(now=owner.now + (10 if part == 4 else 1))
        elif what == "book":
            owner.book(part)
        elif what == "die":
            owner.die(part / 4)
            self.owners[at] = Owner(self.connection, self.organization, self.budgets, processes=3)

    def check(self) -> None:
        """Spent + settled + held never exceeds a budget, and what is leased covers what is settled and held."""
        rows = {row["budget_id"]: row for row in counters(self.connection, self.organization)}
        booked = self._booked()
        for budget in self.budgets:
            row = rows.get(budget.id) or {"spent": 0, "leased": 0, "leases": 0}
            pending = sum(self._pending(owner, budget) for owner in self.owners)
            assert row["spent"] + pending <= self.amounts[budget.id]
            assert row["leased"] == row["leases"]
            assert pending <= row["leased"]
            assert row["spent"] == booked.get(budget.value.partition("=")[0], 0)

    def _pending(self, owner: Owner, budget: BudgetView) -> int:
        counter = next((pot.counter for pot in owner.purse.all() if pot.budget is budget), None)
        lines = sum(ticks(line["cost"]) for line in owner.spool if counter in line["leases"])
        return lines + sum(call.hold for call in owner.calls if counter in call.marks)

    def _booked(self) -> dict[str, int]:
        rows = self.connection.execute(
            "SELECT tag, sum(cost) FROM gateway_ledgerline, jsonb_object_keys(tag_set) AS tag "
            "WHERE organization = %s GROUP BY tag",
            [self.organization],
        )
        return {row[0]: ticks(row[1]) for row in rows}

    def wind_up(self) -> None:
        """Every call ends at its full hold, everything is booked, everybody is idle."""
        for owner in self.owners:
            for call in list(owner.calls):
                owner.settle(call, call.hold)
            owner.book()
            for _ in range(3):
                owner.sync(now=owner.now + 100)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=AMOUNTS, steps=STEPS)
def test_never_overspent_and_spent_is_the_ledger(ledger: Connection, amounts: list[int], steps: list[Any]) -> None:
    world = World(ledger, amounts)

    for step in steps:
        world.step(*step)
        world.check()
    world.wind_up()

    world.check()
    for row in counters(ledger, world.organization):
        assert (row["leased"], row["rows"]) == (0, 0)
