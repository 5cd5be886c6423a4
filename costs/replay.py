"""Who budgets would have refused: the ledger's calls of a past time, one by one, against a policy. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from costs.budgets.periods import PeriodRule
from costs.budgets.scopes import SUBJECTS
from costs.choices import BudgetPeriod
from costs.models import Budget
from costs.usage import ZERO
from gateway.ledger.schema import TABLE
from gateway.models import Organization
from gateway.scopes import NARROWNESS, is_each

MAX_LINES = 200_000
MAX_ROWS = 100
CHUNK = 5_000
_WHERE = """
FROM {table} l WHERE l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s
  AND l.cost <> 0
"""
_SUBJECT = """CASE WHEN l.currency = %(currency{n})s AND (%(each{n})s OR {subject} = %(value{n})s)
  THEN CASE WHEN %(each{n})s THEN {subject} ELSE '' END END"""


@dataclass(frozen=True, slots=True)
class Policy:
    """One budget of those that are tried, as if it were hard. `budget` None: one that does not exist."""

    budget: Budget | None
    name: str
    scope: str
    scope_value: str
    amount: Decimal
    currency: str
    rule: PeriodRule

    @classmethod
    def of(cls, budget: Budget, amount: Decimal | None = None) -> Policy:
        """The budget, with another amount where one is given."""
        return cls(
            budget, budget.name, budget.scope, budget.scope_value, budget.amount if amount is None else amount,
            budget.currency, budget.rule,
        )  # fmt: skip


@dataclass(slots=True)
class Refused:
    """Who would have been refused by a policy: calls of one key (or imported ones of one project) under one subject."""

    policy: Policy
    subject: str
    project: UUID
    api_key: UUID | None
    user: UUID | None
    first_at: datetime
    requests: int = 0
    cost: Decimal = ZERO


@dataclass(slots=True)
class OfPolicy:
    """What one policy refused; a call that several refuse counts for the narrowest."""

    policy: Policy
    blocked_requests: int = 0
    blocked_cost: Decimal = ZERO


@dataclass(slots=True)
class Simulation:
    """A replay of the lines of `[start, end)` that fall under one of the policies. `replayed_to` is before `end` when
    there were more than `MAX_LINES` lines; the figures are about the part before it."""

    policies: list[OfPolicy]
    start: datetime
    end: datetime
    replayed_to: datetime
    lines: int = 0
    cost: Decimal = ZERO
    blocked_requests: int = 0
    blocked_cost: Decimal = ZERO
    refused: list[Refused] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return self.replayed_to == self.end

    @property
    def budget(self) -> Budget | None:
        """Of a simulation of one."""
        return self.policies[0].policy.budget

    @property
    def amount(self) -> Decimal:
        return self.policies[0].policy.amount


def simulate(*, organization: Organization, policies: Sequence[Policy], start: datetime, end: datetime) -> Simulation:
    """Who would have been refused in `[start, end)`, had there been these budgets, hard and all at once.

    A call is refused when what was let through in the period of one of its budgets before it, and its own cost, exceed
    the amount; what is refused counts nowhere. Calls are taken one after the other with the cost that they had, without
    holds and without roll-over. What a period had cost before `start` counts as let through. One query, and one for
    each policy whose period began before; at most `MAX_LINES` lines.
    """
    ordered = sorted(policies, key=lambda policy: NARROWNESS[policy.scope])
    found = Simulation([OfPolicy(policy) for policy in ordered], start, end, end)
    with transaction.atomic():  # the server-side cursor
        replay = _Replay(found, [_spent_before(organization, policy, start) for policy in ordered])
        for number, row in enumerate(_rows(organization, ordered, start, end)):
            if number == MAX_LINES:
                found.replayed_to = row[0]
                break
            replay.take(*row)
    found.refused = sorted(replay.refused.values(), key=lambda one: one.cost, reverse=True)[:MAX_ROWS]
    return found


def simulate_budget(*, budget: Budget, amount: Decimal, start: datetime, end: datetime) -> Simulation:
    """The same of one budget with `amount`."""
    policies = [Policy.of(budget, amount)]
    return simulate(organization=budget.organization, policies=policies, start=start, end=end)


def last_month(zone: str, at: datetime) -> tuple[datetime, datetime]:
    """The calendar month before the one that holds `at`, in the time zone."""
    months = PeriodRule(BudgetPeriod.MONTH, zone)
    end, _ = months.window(at)
    return months.window(end - timedelta(microseconds=1))[0], end


class _Replay:
    """Lines in time order against the amounts, per subject and period."""

    def __init__(self, found: Simulation, before: Sequence[dict[str, Decimal]]) -> None:
        self.found = found
        self.refused: dict[tuple[int, str, UUID, UUID | None], Refused] = {}
        self._policies = [one.policy for one in found.policies]
        self._windows = [policy.rule.window(found.start) for policy in self._policies]
        self._spent = [
            {subject: min(cost, policy.amount) for subject, cost in spent.items()}
            for policy, spent in zip(self._policies, before, strict=True)
        ]
        self._blocked: dict[str, int] = {}

    def take(
        self, at: datetime, cost: Decimal, request: str, is_given: bool, project: UUID, api_key: UUID | None,
        user: UUID | None, *subjects: str | None,
    ) -> None:  # fmt: skip
        """`is_given`: an adjustment, which no budget refuses. Every attempt of a refused request is refused."""
        found = self.found
        applied = [(place, subject) for place, subject in enumerate(subjects) if subject is not None]
        for place, _ in applied:
            if at >= self._windows[place][1]:
                self._windows[place], self._spent[place] = self._policies[place].rule.window(at), {}
        found.lines += 1
        found.cost += cost
        first = self._blocked.get(request)
        if first is None and not is_given:
            full = (place for place, subject in applied if not self._fits(place, subject, cost))
            first = next(full, None)
        if first is None or is_given:
            for place, subject in applied:
                self._spent[place][subject] = self._spent[place].get(subject, ZERO) + cost
            return
        subject = subjects[first] or ""
        key = (first, subject, project, api_key)
        who = self.refused.setdefault(key, Refused(self._policies[first], subject, project, api_key, user, at))
        is_new = request not in self._blocked
        self._blocked[request] = first
        for count in (who, found.policies[first], found):
            _count(count, is_new, cost)

    def _fits(self, place: int, subject: str, cost: Decimal) -> bool:
        return self._spent[place].get(subject, ZERO) + cost <= self._policies[place].amount


def _count(counted: Refused | OfPolicy | Simulation, is_new: bool, cost: Decimal) -> None:
    if isinstance(counted, Refused):
        counted.requests += is_new
        counted.cost += cost
    else:
        counted.blocked_requests += is_new
        counted.blocked_cost += cost


def _rows(
    organization: Organization, policies: Sequence[Policy], start: datetime, end: datetime
) -> Iterator[tuple[Any, ...]]:
    """Lines that fall under at least one policy, with what they are about in each (NULL: they do not)."""
    names = [f"s{n}" for n in range(len(policies))]
    subjects = ", ".join(f"{_subject(policy, n)} AS s{n}" for n, policy in enumerate(policies))
    statement = (
        'SELECT started_at, cost, request_id, is_given, project, api_key, "user", {names} FROM ('
        "SELECT l.id, l.started_at, l.cost, l.request_id, l.kind <> 'attempt' AS is_given, l.project, l.api_key, "
        f'l."user", {subjects} {_WHERE.format(table=TABLE)}'
        ") q WHERE num_nonnulls({names}) > 0 ORDER BY started_at, id LIMIT %(limit)s"
    ).replace("{names}", ", ".join(names))
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, _parameters(organization, policies, start, end) | {"limit": MAX_LINES + 1})
        yield from chain.from_iterable(iter(lambda: cursor.fetchmany(CHUNK), []))


def _spent_before(organization: Organization, policy: Policy, start: datetime) -> dict[str, Decimal]:
    """What the period that holds `start` had cost by then, by subject."""
    first, _ = policy.rule.window(start)
    if first == start:
        return {}
    statement = (
        f"SELECT s, sum(cost) FROM (SELECT {_subject(policy, 0)} AS s, l.cost {_WHERE.format(table=TABLE)}) q "
        "WHERE s IS NOT NULL GROUP BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, _parameters(organization, [policy], first, start))
        return dict(cursor.fetchall())


def _subject(policy: Policy, n: int) -> str:
    subject = SUBJECTS[policy.scope].replace("%(tag)s", f"%(tag{n})s")
    return _SUBJECT.replace("{n}", str(n)).replace("{subject}", subject)


def _parameters(
    organization: Organization, policies: Sequence[Policy], start: datetime, end: datetime
) -> dict[str, Any]:
    found: dict[str, Any] = {"organization": organization.pk, "start": start, "end": end}
    for n, policy in enumerate(policies):
        found |= {
            f"currency{n}": policy.currency, f"each{n}": is_each(policy.scope_value), f"value{n}": policy.scope_value,
            f"tag{n}": policy.scope_value.partition("=")[0],
        }  # fmt: skip
    return found
