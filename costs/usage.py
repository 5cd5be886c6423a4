"""How far budgets are used in the running period: what is spent, held and left, and when it runs out. Reads only."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from costs.budgets.periods import BEGINNING, END
from costs.choices import Enforcement
from costs.models import Budget, BudgetCounter
from gateway.scopes import is_each

ZERO = Decimal(0)
NOTHING_SPENT = "Nothing has been spent in this period."
USED_UP = "It is used up."
LASTS = "At this pace it lasts until it begins anew."
NO_PACE = "A budget that never begins anew has no period to take a pace from."
CARRIED_SQL = """
SELECT x.budget, x.subject, costs_carried(x.budget, x.subject, x.start)
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS x(budget, subject, start)
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """One budget in its running period, of one `subject` where it stands for each (else empty).

    `held`: leased to running processes, or kept in reserve for calls without a price. `remaining` = `limit` − `spent` −
    `held`, negative when overdrawn. `period_start`, `resets_at` None: it never begins anew. `exhausts_at`: when `spent`
    reaches `limit` at the pace of the period so far; None with the reason in `note`.
    """

    subject: str
    period_start: datetime | None
    resets_at: datetime | None
    limit: Decimal
    carried: Decimal
    spent: Decimal
    held: Decimal
    utilization: float | None
    exhausts_at: datetime | None
    note: str
    uncounted_lines: int
    would_block: int

    @property
    def remaining(self) -> Decimal:
        return self.limit - self.spent - self.held


@dataclass(frozen=True, slots=True)
class BudgetUsage:
    """A budget with the subjects that have spent most, most first; never empty, one where it is not for each."""

    budget: Budget
    subjects: Sequence[Usage]

    @property
    def id(self) -> UUID:
        return self.budget.pk

    @property
    def first(self) -> Usage:
        return self.subjects[0]


def usage_of(budgets: Iterable[Budget], at: datetime, *, subjects: int = 1) -> list[BudgetUsage]:
    """Usage of every budget at `at`, in their order. One query, two when one of them rolls over."""
    wanted = list(budgets)
    counters = _counters(wanted, at, subjects)
    carried = _carried(wanted, counters, at)
    found = []
    for budget in wanted:
        rows: list[BudgetCounter | None] = [*counters[budget.pk]] or [None]
        found.append(BudgetUsage(budget, [_usage(budget, row, carried, at) for row in rows]))
    return found


def usage_of_subjects(pairs: Sequence[tuple[Budget, str]], at: datetime) -> list[Usage]:
    """Usage of budgets with one subject each, in their order. One query, two when one of them rolls over."""
    rows = BudgetCounter.objects.current(at).filter(
        budget_id__in={budget.pk for budget, _ in pairs}, subject__in={subject for _, subject in pairs}
    )
    known = {(row.budget_id, row.subject): row for row in rows}
    counters: dict[UUID, list[BudgetCounter]] = defaultdict(list)
    for budget, subject in pairs:
        key = (budget.pk, subject)
        known.setdefault(key, BudgetCounter(budget_id=budget.pk, subject=subject, **_EMPTY))
        counters[budget.pk].append(known[key])
    carried = _carried(list({budget.pk: budget for budget, _ in pairs}.values()), counters, at)
    return [_usage(budget, known[budget.pk, subject], carried, at) for budget, subject in pairs]


_EMPTY: dict[str, Any] = {"spent": ZERO, "leased": ZERO, "unpriced_held": ZERO, "uncounted_lines": 0, "would_block": 0}


def _counters(budgets: Sequence[Budget], at: datetime, subjects: int) -> dict[UUID, list[BudgetCounter]]:
    each = {budget.pk for budget in budgets if is_each(budget.scope_value)}
    rank = Window(RowNumber(), partition_by=F("budget_id"), order_by=[F("spent").desc(), F("subject")])
    rows = BudgetCounter.objects.current(at).filter(budget_id__in=[budget.pk for budget in budgets])
    rows = rows.filter(Q(subject="") | Q(budget_id__in=each)).annotate(rank=rank).filter(rank__lte=subjects)
    found: dict[UUID, list[BudgetCounter]] = defaultdict(list)
    for row in rows.order_by("budget_id", "rank"):
        found[row.budget_id].append(row)
    return found


def _carried(
    budgets: Sequence[Budget], counters: dict[UUID, list[BudgetCounter]], at: datetime
) -> dict[tuple[UUID, str], Decimal]:
    """What the last period left, as the leases see it, of the budgets that roll over."""
    asked = [
        (budget.pk, subject, budget.rule.window(at)[0])
        for budget in budgets
        if budget.rolls_over
        for subject in ([row.subject for row in counters.get(budget.pk, ())] or [""])
    ]
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(CARRIED_SQL, [list(column) for column in zip(*asked, strict=True)])
        return {(budget, subject): amount for budget, subject, amount in cursor.fetchall()}


def _usage(
    budget: Budget, counter: BudgetCounter | None, carried: dict[tuple[UUID, str], Decimal], at: datetime
) -> Usage:
    row = counter or BudgetCounter(subject="", **_EMPTY)
    start, end = budget.rule.window(at)
    more = carried.get((budget.pk, row.subject), ZERO)
    limit = budget.amount + more
    exhausts_at, note = pace(row.spent, limit, start, end, at)
    return Usage(
        subject=row.subject, period_start=None if start == BEGINNING else start, resets_at=None if end == END else end,
        limit=limit, carried=more, spent=row.spent, held=row.leased + row.unpriced_held,
        utilization=float(row.spent / limit) if limit else None, exhausts_at=exhausts_at, note=note,
        uncounted_lines=row.uncounted_lines, would_block=row.would_block,
    )  # fmt: skip


def pace(spent: Decimal, limit: Decimal, start: datetime, end: datetime, at: datetime) -> tuple[datetime | None, str]:
    """When `spent` reaches `limit` if it goes on as since `start`, else None and why not. Linear; pure."""
    if spent >= limit:
        return None, USED_UP
    if spent <= 0:
        return None, NOTHING_SPENT
    if start == BEGINNING:
        return None, NO_PACE
    passed = (at - start) / timedelta(seconds=1)
    seconds = passed * float((limit - spent) / spent)
    if seconds >= (end - at) / timedelta(seconds=1):
        return None, LASTS
    return at + timedelta(seconds=seconds), ""


def blocks(budget: Budget) -> bool:
    """Whether calls are refused when it is used up."""
    return budget.enforcement == Enforcement.HARD and not budget.is_shadow
