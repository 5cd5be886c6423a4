"""How far budgets are used in the running period: what is spent, held and left, and when it runs out. Reads only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from costs import outlook
from costs.budgets.periods import BEGINNING, END
from costs.choices import Enforcement
from costs.models import Budget, BudgetCounter, BudgetForecast
from costs.outlook import Expected
from gateway.scopes import is_each

ZERO = Decimal(0)
NOTHING_SPENT = "Nothing has been spent in this period."
USED_UP = "It is used up."
LASTS = "At this pace it lasts until it begins anew."
EXPECTED_TO_LAST = "It is expected to last until it begins anew."
BEYOND = f"It is expected to last for {outlook.FARTHEST} days at least."
NO_FORECAST = "Its first forecast is made within minutes."
TOO_FAR = "Its period ends farther away than a forecast reaches."
FORECAST, PACE = "forecast", "pace"
NO_PACE = "A budget that never begins anew has no period to take a pace from."
CARRIED_SQL = """
SELECT x.budget, x.subject, costs_carried(x.budget, x.subject, x.start)
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS x(budget, subject, start)
"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where a budget is heading. `basis`: `forecast`, or `pace`: linear since the period began, while there is no
    forecast for the reason in `note`. `earliest`, `latest`: when it is used up, with 80 % probability; None beyond the
    period, and of a pace. `expected`, `lower`, `upper`: spent by the end of the period, None without a forecast or end.
    """

    basis: str
    note: str = ""
    low_confidence: bool = False
    earliest: datetime | None = None
    latest: datetime | None = None
    expected: Decimal | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """One budget in its running period, of one `subject` where it stands for each (else empty).

    `held`: leased to running processes, or kept in reserve for calls without a price. `remaining` = `limit` − `spent` −
    `held`, negative when overdrawn. `period_start`, `resets_at` None: it never begins anew. `exhausts_at`: when `spent`
    is expected to reach `limit` within the period; None with the reason in `note`. `outlook`: where that comes from.
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
    outlook: Outlook | None = None

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
    """Usage of every budget at `at`, in their order. Two queries, three when one of them rolls over."""
    wanted = list(budgets)
    counters = _counters(wanted, at, subjects)
    carried, ahead = _carried(wanted, counters, at), outlook.stored(wanted, _subjects(counters))
    found = []
    for budget in wanted:
        rows: list[BudgetCounter | None] = [*counters[budget.pk]] or [None]
        found.append(BudgetUsage(budget, [_usage(budget, row, carried, ahead, at) for row in rows]))
    return found


def usage_of_subjects(pairs: Sequence[tuple[Budget, str]], at: datetime) -> list[Usage]:
    """Usage of budgets with one subject each, in their order. Two queries, three when one of them rolls over."""
    rows = BudgetCounter.objects.current(at).filter(
        budget_id__in={budget.pk for budget, _ in pairs}, subject__in={subject for _, subject in pairs}
    )
    known = {(row.budget_id, row.subject): row for row in rows}
    counters: dict[UUID, list[BudgetCounter]] = defaultdict(list)
    for budget, subject in pairs:
        key = (budget.pk, subject)
        known.setdefault(key, BudgetCounter(budget_id=budget.pk, subject=subject, **_EMPTY))
        counters[budget.pk].append(known[key])
    budgets = list({budget.pk: budget for budget, _ in pairs}.values())
    carried, ahead = _carried(budgets, counters, at), outlook.stored(budgets, _subjects(counters))
    return [_usage(budget, known[budget.pk, subject], carried, ahead, at) for budget, subject in pairs]


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


def _subjects(counters: Mapping[UUID, Sequence[BudgetCounter]]) -> set[str]:
    return {row.subject for rows in counters.values() for row in rows}


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
    budget: Budget,
    counter: BudgetCounter | None,
    carried: Mapping[tuple[UUID, str], Decimal],
    ahead: Mapping[tuple[UUID, str], BudgetForecast],
    at: datetime,
) -> Usage:
    row = counter or BudgetCounter(subject="", **_EMPTY)
    start, end = budget.rule.window(at)
    more = carried.get((budget.pk, row.subject), ZERO)
    limit = budget.amount + more
    forecast = ahead.get((budget.pk, row.subject)) or ahead.get((budget.pk, ""))
    known = outlook.expected_of(forecast, budget.timezone) if forecast else Expected(None, NO_FORECAST, False)
    exhausts_at, note, heading = _heading(row.spent, limit, start, end, at, known)
    return Usage(
        subject=row.subject, period_start=None if start == BEGINNING else start, resets_at=None if end == END else end,
        limit=limit, carried=more, spent=row.spent, held=row.leased + row.unpriced_held,
        utilization=float(row.spent / limit) if limit else None, exhausts_at=exhausts_at, note=note,
        uncounted_lines=row.uncounted_lines, would_block=row.would_block, outlook=heading,
    )  # fmt: skip


def _heading(
    spent: Decimal, limit: Decimal, start: datetime, end: datetime, at: datetime, known: Expected
) -> tuple[datetime | None, str, Outlook]:
    """When it is used up, why there is no such moment, and what else is expected."""
    ahead = known.ahead
    if ahead is None or not ahead.starts[0] <= at < ahead.end or (end != END and ahead.end < end):
        reason = TOO_FAR if end != END and end - at > outlook.REACH else known.note or NO_FORECAST
        return *pace(spent, limit, start, end, at), Outlook(PACE, reason)
    expected = lower = upper = None
    if end != END:
        rest = ahead.rest(at, end)
        expected, lower, upper = (spent + _money(part) for part in (rest.mean, rest.lower, rest.upper))
    found: list[datetime | None] = [None, None, None]
    if spent < limit:
        found = [when if when and when < end else None for when in ahead.reaches(float(limit - spent), at)]
    note = USED_UP if spent >= limit else "" if found[0] else EXPECTED_TO_LAST if end != END else BEYOND
    return found[0], note, Outlook(FORECAST, "", known.low_confidence, found[1], found[2], expected, lower, upper)


def _money(value: float) -> Decimal:
    return Decimal(str(round(value, 10)))


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
