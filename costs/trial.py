"""What a budget would have done: would this cost pass now, who would have been refused in a past month. Reads only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from costs.budgets.periods import PeriodRule
from costs.budgets.scopes import SUBJECTS
from costs.choices import BudgetPeriod
from costs.models import Budget, BudgetCounter
from costs.usage import ZERO, Usage, blocks, usage_of_subjects
from gateway.choices import LimitScope
from gateway.ledger.schema import TABLE
from gateway.models import KeySpend, Organization, VirtualKey
from gateway.scopes import each_of, is_each

MAX_LINES = 200_000
MAX_ROWS = 100
CHUNK = 5_000
_LINES = """
FROM {table} l WHERE l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s
  AND l.cost <> 0 AND l.currency = %(currency)s AND {subject} IS NOT NULL AND (%(each)s OR {subject} = %(value)s)
"""
REPLAY_SQL = f"""
SELECT CASE WHEN %(each)s THEN {{subject}} ELSE '' END, l.started_at, l.cost, l.request_id, l.kind <> 'attempt',
  l.project, l.api_key, l."user" {_LINES} ORDER BY l.started_at, l.id LIMIT %(limit)s
"""
BEFORE_SQL = f"SELECT CASE WHEN %(each)s THEN {{subject}} ELSE '' END, sum(l.cost) {_LINES} GROUP BY 1"


# ---- now -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Applied:
    """A budget that a call falls under. `budget` None: the key's own. `fits`: what is settled leaves room for the cost;
    `is_waiting`: it fits, but what is held now is in the way."""

    budget: Budget | None
    name: str
    subject: str
    blocks: bool
    limit: Decimal
    spent: Decimal
    held: Decimal
    remaining: Decimal
    resets_at: datetime | None
    fits: bool
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class Check:
    """`would_pass`: no budget that refuses is in the way. `is_complete`: the caller sees every budget that applies."""

    would_pass: bool
    is_complete: bool
    budgets: list[Applied]


def check_cost(
    *, organization: Organization, cost: Decimal, subjects: Mapping[str, Iterable[str]], currency: str,
    visible: Iterable[UUID], at: datetime, key: VirtualKey | None = None,
) -> Check:  # fmt: skip
    """Would a call of `cost` pass now? `subjects`: scope → what it is about. Counts only the `visible` budgets."""
    seen = set(visible)
    live = Budget.objects.filter(organization=organization, archived_at=None, currency=currency)
    found = [(budget, subject) for budget in live for subject in _subjects(budget, subjects)]
    mine = [(budget, subject) for budget, subject in found if budget.pk in seen]
    usages = zip(mine, usage_of_subjects(mine, at), strict=True)
    shown = [_applied(budget, usage, cost) for (budget, _), usage in usages]
    if key is not None and key.budget_amount is not None:
        shown.append(_own(key, cost))
    passes = all(one.fits or not one.blocks for one in shown)
    return Check(passes, all(budget.pk in seen for budget, _ in found), shown)


def _subjects(budget: Budget, subjects: Mapping[str, Iterable[str]]) -> Iterator[str]:
    for value in subjects.get(budget.scope, ()):
        if budget.scope_value == value:
            yield ""
        elif budget.scope_value == each_of(budget.scope, value):
            yield value


def _applied(budget: Budget, usage: Usage, cost: Decimal) -> Applied:
    fits = usage.spent + cost <= usage.limit
    return Applied(
        budget, budget.name, usage.subject, blocks(budget), usage.limit, usage.spent, usage.held, usage.remaining,
        usage.resets_at, fits, fits and cost > usage.remaining,
    )  # fmt: skip


def _own(key: VirtualKey, cost: Decimal) -> Applied:
    """The key's own budget, which its rotation shares."""
    first = key.lineage
    keys = VirtualKey.objects.filter(lineage_id=first) | VirtualKey.objects.filter(pk=first)
    spent = KeySpend.objects.filter(key_id__in=keys.values("pk")).aggregate(total=Sum("spent"))["total"] or ZERO
    counter = BudgetCounter.objects.filter(budget_id=first).first()
    held = counter.leased + counter.unpriced_held if counter else ZERO
    assert key.budget_amount is not None
    remaining = key.budget_amount - spent - held
    fits = spent + cost <= key.budget_amount
    return Applied(
        None, f"budget of the key {key.name}", "", True, key.budget_amount, spent, held, remaining, None, fits,
        fits and cost > remaining,
    )  # fmt: skip


def subjects_of(
    *, organization: Organization, key: VirtualKey | None, project: Any, end_user: str, tags: Iterable[str], model: str
) -> dict[str, list[str]]:
    """What a call is about, by scope: of a key, its project, team and person too."""
    where = key.project if key is not None else project
    found = {LimitScope.ORGANIZATION.value: [str(organization.pk)], LimitScope.TAG.value: list(tags)}
    if where is not None:
        found[LimitScope.PROJECT.value] = [str(where.pk)]
        found[LimitScope.TEAM.value] = [str(where.team_id)] if where.team_id else []
    if key is not None:
        found[LimitScope.KEY.value] = [str(key.lineage)]
        found[LimitScope.USER.value] = [str(key.user_id)] if key.user_id else []
    found[LimitScope.END_USER.value] = [end_user] if end_user else []
    found[LimitScope.MODEL.value] = [model] if model else []
    return found


# ---- then ----------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Refused:
    """Who would have been refused: calls of one key (or imported ones of one project) under one subject."""

    subject: str
    project: UUID
    api_key: UUID | None
    user: UUID | None
    first_at: datetime
    requests: int = 0
    cost: Decimal = ZERO


@dataclass(slots=True)
class Simulation:
    """A replay of the lines of `[start, end)` against `amount`. `replayed_to` is before `end` when there were more than
    `MAX_LINES` lines; the figures are about the part before it."""

    budget: Budget
    amount: Decimal
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


def simulate_budget(*, budget: Budget, amount: Decimal, start: datetime, end: datetime) -> Simulation:
    """Who would have been refused in `[start, end)`, had the budget been hard with `amount`.

    A call is refused when what was let through in its period before it, and its own cost, exceed the amount; what is
    refused does not count. Calls are taken one after the other with the cost that they had, without holds and without
    roll-over. What the period had cost before `start` counts as let through. Two queries, at most `MAX_LINES` lines.
    """
    found = Simulation(budget, amount, start, end, end)
    with transaction.atomic():  # the server-side cursor
        replay = _Replay(found, _spent_before(budget, start))
        for number, row in enumerate(_rows(budget, start, end)):
            if number == MAX_LINES:
                found.replayed_to = row[1]
                break
            replay.take(*row)
    found.refused = sorted(replay.refused.values(), key=lambda one: one.cost, reverse=True)[:MAX_ROWS]
    return found


def last_month(budget: Budget, at: datetime) -> tuple[datetime, datetime]:
    """The calendar month before the one that holds `at`, in the budget's time zone."""
    months = PeriodRule(BudgetPeriod.MONTH, budget.timezone)
    end, _ = months.window(at)
    return months.window(end - timedelta(microseconds=1))[0], end


class _Replay:
    """Lines in time order against one amount, per subject and period."""

    def __init__(self, found: Simulation, before: dict[str, Decimal]) -> None:
        self.found = found
        self.refused: dict[tuple[str, UUID, UUID | None], Refused] = {}
        self._rule = found.budget.rule
        self._window = self._rule.window(found.start)
        self._spent = {subject: min(cost, found.amount) for subject, cost in before.items()}
        self._blocked: set[str] = set()

    def take(
        self, subject: str, at: datetime, cost: Decimal, request: str, is_given: bool, project: UUID,
        api_key: UUID | None, user: UUID | None,
    ) -> None:  # fmt: skip
        """`is_given`: an adjustment, which no budget refuses. Every attempt of a refused request is refused."""
        if at >= self._window[1]:
            self._window, self._spent = self._rule.window(at), {}
        found, spent = self.found, self._spent.get(subject, ZERO)
        found.lines += 1
        found.cost += cost
        key = f"{subject}\n{request}"
        if is_given or (key not in self._blocked and spent + cost <= found.amount):
            self._spent[subject] = spent + cost
            return
        who = self.refused.setdefault((subject, project, api_key), Refused(subject, project, api_key, user, at))
        if key not in self._blocked:
            self._blocked.add(key)
            who.requests += 1
            found.blocked_requests += 1
        who.cost += cost
        found.blocked_cost += cost


def _rows(budget: Budget, start: datetime, end: datetime) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(*_statement(REPLAY_SQL, budget, start, end))
        yield from chain.from_iterable(iter(lambda: cursor.fetchmany(CHUNK), []))


def _spent_before(budget: Budget, start: datetime) -> dict[str, Decimal]:
    """What the period that holds `start` had cost by then, by subject."""
    first, _ = budget.rule.window(start)
    if first == start:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(*_statement(BEFORE_SQL, budget, first, start))
        return dict(cursor.fetchall())


def _statement(statement: str, budget: Budget, start: datetime, end: datetime) -> tuple[str, dict[str, Any]]:
    value = budget.scope_value
    parameters = {
        "organization": budget.organization_id, "currency": budget.currency, "each": is_each(value), "value": value,
        "tag": value.partition("=")[0], "start": start, "end": end, "limit": MAX_LINES + 1,
    }  # fmt: skip
    return statement.format(subject=SUBJECTS[budget.scope], table=TABLE), parameters
