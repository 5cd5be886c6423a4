"""Room kept in hard budgets for one large cost that is known beforehand, such as a training run.

A hold is a lease (`costs.budgets.sql`) of an owner that is no process: data planes see it as room that is taken, the
booking of a line that names its counters uses it up, and `release` gives back what is left.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from costs.budgets import money
from costs.budgets.periods import BEGINNING, END
from costs.models import Budget, BudgetCounter
from costs.trial import budgets_of
from costs.usage import blocks
from gateway.models import Organization, VirtualKey
from gateway.services.errors import ServiceError

_OPEN = "SELECT counter FROM costs_open(%s::jsonb) ORDER BY place"
_LEASE = "SELECT costs_lease(%s, 1, %s::jsonb, %s::jsonb)"


class BudgetTooSmall(ServiceError):
    """A hard budget has no room for the cost."""

    status = 402


def hold(
    *, owner: str, organization: Organization, subjects: Mapping[str, Iterable[str]], cost: Decimal, currency: str,
    at: datetime, key: VirtualKey | None = None,
) -> list[int]:  # fmt: skip
    """Keep `cost` in every hard budget that is about `subjects`, in all of them or in none; returns their counters.

    `owner`: unique to what costs, and the `source` under which its line is booked later. `key`: whose own budget counts
    too. Budgets of another currency are not asked. Inside a transaction; five queries at most. Raises `BudgetTooSmall`.
    """
    live = Budget.objects.filter(organization=organization, archived_at=None, currency=currency)
    found = [(budget, subject) for budget, subject in budgets_of(live, subjects) if blocks(budget)]
    pots = list(_pots(found, organization, at, key))
    amount = money.ticks(cost)
    if not pots or amount <= 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [json.dumps(pots)])
        counters = [row[0] for row in cursor.fetchall()]
        asked = [{"c": counter, "t": 0, "s": 0, "f": 0, "w": 0, "y": amount, "n": 0} for counter in counters]
        places = list(range(1, len(counters) + 1))
        cursor.execute(_LEASE, [owner, json.dumps(asked), json.dumps([{"h": amount, "m": amount, "p": places}])])
        answered = cursor.fetchone()[0]
    verdict = (json.loads(answered) if isinstance(answered, str) else answered)["asks"][0]
    if verdict[0] != "ok":
        raise BudgetTooSmall("budget_exceeded", _why(counters, verdict, cost, currency), field="budget")
    return counters


def release(owner: str) -> None:
    """Give back what `owner` still holds; harmless when it holds nothing. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT costs_release(%s)", [owner])


def _pots(
    found: Iterable[tuple[Budget, str]], organization: Organization, at: datetime, key: VirtualKey | None
) -> Iterator[dict[str, Any]]:
    owner = str(organization.pk)
    for budget, subject in found:
        start, end = budget.rule.window(at)
        yield {"b": str(budget.pk), "o": owner, "k": subject, "s": start.isoformat(), "e": end.isoformat()}
    if key is not None and key.budget_amount is not None:
        yield {"b": str(key.lineage), "o": owner, "k": "", "s": BEGINNING.isoformat(), "e": END.isoformat()}


def _why(counters: list[int], verdict: list[Any], cost: Decimal, currency: str) -> str:
    """The budget that is in the way, the first where none is said to be used up."""
    places = verdict[1:] or [1]
    counter = BudgetCounter.objects.get(pk=counters[places[0] - 1])
    if verdict[0] == "wait":
        return "Calls that run now hold what a budget has left; try again in a minute."
    name = Budget.objects.filter(pk=counter.budget_id).values_list("name", flat=True).first()
    what = f"The budget {name}" if name else "The key's own budget"
    return f"{what} has no room for {money.text(money.ticks(cost))} {currency} until {counter.period_end:%Y-%m-%d}."
