"""Would a call of this cost pass now? Reads only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum

from costs.models import Budget, BudgetCounter
from costs.usage import ZERO, Usage, blocks, usage_of_subjects
from gateway.choices import LimitScope
from gateway.models import KeySpend, Organization, VirtualKey
from gateway.scopes import each_of


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
    found = budgets_of(live, subjects)
    mine = [(budget, subject) for budget, subject in found if budget.pk in seen]
    usages = zip(mine, usage_of_subjects(mine, at), strict=True)
    shown = [_applied(budget, usage, cost) for (budget, _), usage in usages]
    if key is not None and key.budget_amount is not None:
        shown.append(_own(key, cost))
    passes = all(one.fits or not one.blocks for one in shown)
    return Check(passes, all(budget.pk in seen for budget, _ in found), shown)


def budgets_of(live: Iterable[Budget], subjects: Mapping[str, Iterable[str]]) -> list[tuple[Budget, str]]:
    """Those of `live` that are about `subjects`, each with its own subject (empty: the budget's value itself)."""
    return [(budget, subject) for budget in live for subject in _subjects(budget, subjects)]


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
