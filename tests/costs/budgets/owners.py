"""Data-plane processes without a data plane: a purse, the lines it settled, and the database functions, in steps."""

import json
import uuid
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg

from costs.budgets import booking, pots
from costs.budgets.loading import read_index
from costs.budgets.money import ticks, units
from costs.budgets.pots import Ask, Pot, Purse
from costs.budgets.views import BudgetView
from gateway.ledger.booking import book
from gateway.ledger.ids import uuid7
from tests.gateway.ledger.lines import line

Connection = psycopg.Connection[Any]
LONG_AGO = "2026-01-01T00:00:00Z"


@dataclass(eq=False)
class OpenCall:
    """A call that holds `hold` on `pots`."""

    pots: list[Pot]
    hold: int
    marks: list[int]
    ms: int


@dataclass(eq=False)
class Owner:
    """One process. `now` is its monotonic clock."""

    connection: Connection
    organization: str
    budgets: list[BudgetView]
    id: str = field(default_factory=lambda: f"owner-{uuid.uuid4()}")
    processes: int = 2
    purse: Purse = field(default_factory=Purse)
    calls: list[OpenCall] = field(default_factory=list)
    spool: deque[dict[str, Any]] = field(default_factory=deque)
    now: float = 0.0

    def call(self, hold: int, ms: int, least: int | None = None, budgets: list[BudgetView] | None = None) -> str:
        """Admit a call as the stage does: from memory, else with one question. `ok`, `dry` or `wait`."""
        mine = [self.purse.pot(budget, "", ms) for budget in budgets or self.budgets]
        got: int | None = hold if Purse.hold(mine, hold, self.now) else None
        if got is None:
            ask = Ask(mine, hold, hold if least is None else least, self.now)
            self.sync([ask])
            if ask.dry:
                return "dry"
            got = ask.got
        if got is None:
            return "wait"
        self.calls.append(OpenCall(mine, got, [pot.counter for pot in mine if pot.counter is not None], ms))
        return "ok"

    def sync(self, asks: list[Ask] | None = None, *, now: float | None = None) -> None:
        """One round with the database."""
        self.now = now if now is not None else self.now + 1
        asks = asks or []
        self._open([pot for ask in asks for pot in ask.pots if pot.counter is None])
        wanted = {id(pot): pot for pot in [*self.purse.due(self.now), *(pot for ask in asks for pot in ask.pots)]}
        told = list(wanted.values())
        rows, waiting = pots.request(told, asks, self.now)
        answer = self._lease(rows, waiting)
        pots.take_answer(rows, told, asks, answer, self.now)
        pots.end_round(told)
        self.purse.forget(self.now)

    def _open(self, unknown: list[Pot]) -> None:
        named = [
            {"b": pot.budget.id, "o": self.organization, "k": pot.subject, "s": _iso(pot.start), "e": _iso(pot.end)}
            for pot in unknown
        ]
        for place, counter in self.connection.execute("SELECT * FROM costs_open(%s::jsonb)", [json.dumps(named)]):
            unknown[place - 1].counter = counter

    def _lease(self, rows: list[dict[str, Any]], asks: list[dict[str, Any]]) -> Any:
        row = self.connection.execute(
            "SELECT costs_lease(%s, %s, %s::jsonb, %s::jsonb)",
            [self.id, self.processes, json.dumps(rows), json.dumps(asks)],
        ).fetchone()
        assert row is not None
        return row[0]

    def settle(self, call: OpenCall, cost: int) -> None:
        """The call ends: its line is in the spool, its hold is over."""
        self.calls.remove(call)
        self.spool.append(self._line(call, cost))
        Purse.charge(call.pots, cost)
        Purse.give_back(call.pots, call.hold)

    def _line(self, call: OpenCall, cost: int) -> dict[str, Any]:
        amount = format(units(cost), "f")
        return line(
            id=str(uuid7(call.ms)), organization=self.organization, project=str(uuid.UUID(int=2)), api_key=None,
            cost=amount, list_cost=amount, charges=[], leases=call.marks,
            tag_set={pot.budget.value.partition("=")[0]: "1" for pot in call.pots},
        )  # fmt: skip

    def book(self, count: int | None = None) -> None:
        """The writer moves the first lines of the spool."""
        taken = [self.spool.popleft() for _ in range(min(len(self.spool), len(self.spool) if count is None else count))]
        with self.connection.transaction():
            book(self.connection, taken, source=f"spool:{self.id}", positions=[str(n) for n in range(len(taken))])

    def die(self, share: float = 1.0) -> None:
        """Killed: memory is lost; the writer adopts the spool, open calls cost a share of their hold."""
        for call in self.calls:
            self.spool.append(self._line(call, int(call.hold * share)) | {"status": "interrupted"})
        self.calls.clear()
        with self.connection.transaction():
            book(self.connection, list(self.spool), source=f"spool:{self.id}")
            booking.release_owner(self.connection, self.id)
        self.spool.clear()
        self.purse = Purse()


def _iso(ms: int) -> str:
    from costs.budgets.booking import _at

    return _at(ms).isoformat()


def make_budget(connection: Connection, organization: str, amount: str, **changes: Any) -> BudgetView:
    """A hard budget of the organization; the row as the service writes it."""
    values = {
        "id": str(uuid7()), "organization_id": organization, "name": "Test", "scope": "organization",
        "scope_value": organization, "amount": Decimal(amount), "currency": "USD", "period": "month", "timezone": "UTC",
        "enforcement": "hard", "is_shadow": False, "rolls_over": False, "alert_thresholds": "[]",
        "tracked_from": LONG_AGO, "created_at": LONG_AGO, "updated_at": LONG_AGO,
    } | changes  # fmt: skip
    names = ", ".join(values)
    connection.execute(
        f"INSERT INTO costs_budget ({names}) VALUES ({', '.join(['%s'] * len(values))})", list(values.values())
    )
    return read_index(connection).by_id[str(values["id"])]


def make_organization(connection: Connection, slug: str = "acme") -> str:
    identity = str(uuid7())
    connection.execute(
        "INSERT INTO gateway_organization (id, slug, name, currency, reporting_timezone, is_demo, created_at, "
        "updated_at) VALUES (%s, %s, %s, 'USD', 'UTC', false, now(), now())",
        [identity, slug, slug],
    )
    return identity


def counters(connection: Connection, organization: str) -> list[dict[str, Any]]:
    """Every counter of the organization with its leases, in ticks."""
    cursor = connection.execute(
        "SELECT c.id, c.budget_id::text, c.subject, c.spent, c.leased, c.amount, c.carried, c.would_block, "
        "coalesce(sum(greatest(0, l.granted - l.booked)), 0) AS leases, count(l.id) AS rows "
        "FROM costs_budgetcounter c LEFT JOIN costs_budgetlease l ON l.counter_id = c.id "
        "WHERE c.organization_id = %s GROUP BY c.id ORDER BY c.id",
        [organization],
    )
    names = [column.name for column in cursor.description or ()]
    found = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in found:
        for name in ("spent", "leased", "amount", "carried", "leases"):
            row[name] = ticks(row[name])
    return found
