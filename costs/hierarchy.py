"""Which budgets stand over which: what is spent under one counts towards those above it, and the tightest binds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q

from costs.models import Budget
from costs.usage import BudgetUsage, Usage, blocks, usage_of_subjects
from gateway.models import Project, VirtualKey
from gateway.scopes import KEY, NARROWNESS, ORGANIZATION, PROJECT, TEAM, USER, each_of, is_each

CHILDREN = 100
IN_THE_TREE = (TEAM, PROJECT, KEY, USER)
"""Scopes whose parts add up to what is above them."""
Place = Mapping[str, str]
"""Scope → what something is about in it."""


@dataclass(frozen=True, slots=True)
class Above:
    """A budget over another one, with its own `usage` of the subject that the other one falls under."""

    budget: Budget
    usage: Usage

    @property
    def blocks(self) -> bool:
        return blocks(self.budget)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a budget stands. `parents`: the narrowest first; `binding`: of itself and those that refuse, the one with
    least left (None: none refuses); `children`: narrower budgets under it, up to `CHILDREN`; `warnings`: amounts that
    do not add up."""

    parents: Sequence[Above] = ()
    binding: Budget | None = None
    children: Sequence[Budget] = ()
    warnings: Sequence[str] = ()


@dataclass
class _Tree:
    """The live budgets that somebody sees, by what they are about."""

    budgets: Sequence[Budget]
    places: Mapping[tuple[str, str], Place]
    by_value: dict[tuple[str, str], list[Budget]] = field(default_factory=lambda: defaultdict(list))

    def over(self, budget: Budget, subject: str) -> list[tuple[Budget, str]]:
        """Budgets that what `budget` stands for falls under too, with the subject that it is there."""
        found = []
        value = subject or budget.scope_value
        place = self.places.get((budget.scope, value), {}) if not is_each(value) else {}
        for scope, about in {ORGANIZATION: str(budget.organization_id), **place}.items():
            for value, name in ((about, ""), (each_of(scope, about), about)):
                found += [(one, name) for one in self.by_value.get((scope, value), ()) if _is_above(one, budget)]
        return sorted(found, key=lambda pair: (_narrowness(pair[0]), pair[0].name))


def standings(
    organization: UUID, visible: Iterable[Budget], shown: Sequence[BudgetUsage], at: datetime
) -> dict[tuple[UUID, str], Standing]:
    """By budget and subject of `shown`; only `visible` budgets (live ones) are looked at. At most five queries."""
    tree = _tree(organization, visible, shown)
    over = {
        (one.budget.pk, usage.subject): tree.over(one.budget, usage.subject) for one in shown for usage in one.subjects
    }
    pairs = {(budget.pk, subject): (budget, subject) for found in over.values() for budget, subject in found}
    usages = dict(zip(pairs, usage_of_subjects(list(pairs.values()), at) if pairs else [], strict=True))
    children = _children(tree, {one.budget.pk for one in shown})
    found = {}
    for one in shown:
        for usage in one.subjects:
            key = (one.budget.pk, usage.subject)
            parents = [Above(budget, usages[budget.pk, subject]) for budget, subject in over[key]]
            found[key] = _standing(one.budget, usage, parents, children.get(one.budget.pk, []))
    return found


def warnings_of(organization: UUID, visible: Iterable[Budget], budget: Budget) -> list[str]:
    """What does not add up around one budget: what is under it, and what is under those above it. Three queries at
    most."""
    tree = _tree(organization, visible, [])
    around = [budget, *(above for above, _ in tree.over(budget, ""))]
    children = _children(tree, {one.pk for one in around})
    return [text for one in around for text in _exceeding(one, children.get(one.pk, []))]


def _tree(organization: UUID, visible: Iterable[Budget], shown: Sequence[BudgetUsage]) -> _Tree:
    budgets = list(visible)
    subjects = {(one.budget.scope, usage.subject) for one in shown for usage in one.subjects if usage.subject}
    wanted = {(one.scope, one.scope_value) for one in budgets if not is_each(one.scope_value)} | subjects
    tree = _Tree(budgets, _places(organization, wanted))
    for budget in budgets:
        tree.by_value[budget.scope, budget.scope_value].append(budget)
    return tree


def _places(organization: UUID, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Place]:
    """What each (scope, value) is part of, and itself. A query for projects and one for keys, where there are any."""
    projects = _ids(value for scope, value in wanted if scope == PROJECT)
    keys = _ids(value for scope, value in wanted if scope == KEY)
    found: dict[tuple[str, str], Place] = {(scope, value): {scope: value} for scope, value in wanted}
    for project in Project.objects.filter(organization=organization, pk__in=projects) if projects else ():
        found[PROJECT, str(project.pk)] = _named(PROJECT, project.pk, TEAM, project.team_id)
    rows = VirtualKey.objects.filter(Q(pk__in=keys) | Q(lineage_id__in=keys), organization=organization)
    for key in rows.select_related("project").order_by("created_at", "id") if keys else ():  # the newest of a rotation
        found[KEY, str(key.lineage)] = _named(
            KEY, key.lineage, USER, key.user_id, PROJECT, key.project_id, TEAM, key.project.team_id
        )
    return found


def _named(*parts: Any) -> Place:
    return {scope: str(value) for scope, value in zip(parts[::2], parts[1::2], strict=True) if value is not None}


def _ids(values: Iterable[str]) -> list[UUID]:
    found = []
    for value in values:
        try:
            found.append(UUID(value))
        except ValueError:  # of before scopes were checked
            continue
    return found


def _narrowness(budget: Budget) -> int:
    """A scope that nobody knows, written past the services, is about nothing: nothing falls under it."""
    return NARROWNESS.get(budget.scope, -1)


def _is_above(one: Budget, budget: Budget) -> bool:
    """Not itself, of the same money, and either wider or about the same."""
    is_wider = _narrowness(one) > _narrowness(budget)
    return one.pk != budget.pk and one.currency == budget.currency and (is_wider or one.scope == budget.scope)


def _children(tree: _Tree, wanted: set[UUID]) -> dict[UUID, list[Budget]]:
    """Of each wanted budget those of narrower scopes that fall under it."""
    found: dict[UUID, list[Budget]] = defaultdict(list)
    for budget in tree.budgets:
        for above, _ in tree.over(budget, ""):
            if above.pk in wanted and above.scope != budget.scope:
                found[above.pk].append(budget)
    return found


def _standing(budget: Budget, usage: Usage, parents: Sequence[Above], children: Sequence[Budget]) -> Standing:
    refusing = [(one.usage.remaining, one.budget) for one in parents if one.blocks]
    if blocks(budget):
        refusing.insert(0, (usage.remaining, budget))
    binding = min(refusing, key=lambda pair: pair[0])[1] if refusing else None
    return Standing(parents, binding, children[:CHILDREN], _exceeding(budget, children))


def _exceeding(parent: Budget, children: Sequence[Budget]) -> list[str]:
    """Sums of the children of one scope, in the same period, above the parent's amount; of a parent that is not for
    each."""
    if is_each(parent.scope_value):
        return []
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for child in children:
        if child.scope in IN_THE_TREE and child.rule == parent.rule and not is_each(child.scope_value):
            amounts[child.scope].append(child.amount)
    found = []
    for scope, parts in amounts.items():
        if sum(parts) > parent.amount:
            many = f"{len(parts)} {scope} budgets" if len(parts) > 1 else f"{scope} budget"
            add_up = "add up to" if len(parts) > 1 else "is"
            total = f"{sum(parts):,.2f} {parent.currency}"
            found.append(f"The {many} under {parent.name} {add_up} {total}, more than its {parent.amount:,.2f}.")
    return found
