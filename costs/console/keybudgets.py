"""Which budget binds a key: of its own and of those it falls under, the one that is used most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Q

from analytics.console.format import money
from costs.models import Budget, BudgetCounter
from costs.usage import usage_of_subjects
from gateway import scopes
from gateway.models import Organization, User, VirtualKey
from gateway.scopes import is_each

WARN_AT = 0.8
MOST = 500


@dataclass(frozen=True, slots=True)
class Bar:
    """One budget as a bar. `share`: 0–1 and more when overdrawn."""

    label: str
    share: float
    text: str
    tone: str


def bars_of(user: User, organization: Organization, keys: Sequence[VirtualKey], at: datetime) -> dict[UUID, list[Bar]]:
    """Key → its budgets that the person may see, the most used first. Three queries, one more where some roll over."""
    found: dict[UUID, list[Bar]] = {key.pk: [] for key in keys}
    own = _own_spent(keys, at)
    for key in keys:
        if key.budget_amount is not None:
            used = own.get(key.lineage, Decimal(0))
            found[key.pk].append(_bar("This key", used, key.budget_amount, organization.currency))
    rows = Budget.objects.visible_to(user).filter(organization=organization, archived_at=None, is_shadow=False)
    budgets = list(rows.filter(_about(keys))[:MOST])
    pairs = [(key, budget, subject) for key in keys for budget, subject in _covering(budgets, key)]
    usages = usage_of_subjects([(budget, subject) for _, budget, subject in pairs], at)
    for (key, budget, _), usage in zip(pairs, usages, strict=True):
        found[key.pk].append(_bar(budget.name, usage.spent, usage.limit, budget.currency))
    for bars in found.values():
        bars.sort(key=lambda bar: -bar.share)
    return found


def _own_spent(keys: Iterable[VirtualKey], at: datetime) -> dict[UUID, Decimal]:
    lineages = [key.lineage for key in keys if key.budget_amount is not None]
    if not lineages:
        return {}
    rows = BudgetCounter.objects.current(at).filter(budget_id__in=lineages, subject="")
    return dict(rows.values_list("budget_id", "spent"))


def _about(keys: Iterable[VirtualKey]) -> Q:
    values: dict[str, set[str]] = defaultdict(lambda: {scopes.EACH})
    for key in keys:
        for scope, subject in subjects_of(key).items():
            values[scope].add(subject)
    wanted = Q(scope=scopes.ORGANIZATION)
    for scope, subjects in values.items():
        wanted |= Q(scope=scope, scope_value__in=subjects)
    return wanted


def _covering(budgets: Sequence[Budget], key: VirtualKey) -> list[tuple[Budget, str]]:
    """Those that the key's calls count against, with the subject that they count for."""
    subjects = subjects_of(key)
    return [
        (budget, subjects[budget.scope] if is_each(budget.scope_value) else "")
        for budget in budgets
        if budget.scope in subjects
        and (budget.scope == scopes.ORGANIZATION or budget.scope_value in (scopes.EACH, subjects[budget.scope]))
    ]


def subjects_of(key: VirtualKey) -> dict[str, str]:
    """Scope → what the key's calls are about in it."""
    found = {
        scopes.ORGANIZATION: "", scopes.PROJECT: str(key.project_id), scopes.KEY: str(key.lineage),
        scopes.TEAM: str(key.project.team_id or ""), scopes.USER: str(key.user_id or ""),
    }  # fmt: skip
    return {scope: value for scope, value in found.items() if value or scope == scopes.ORGANIZATION}


def _bar(label: str, used: Decimal, limit: Decimal, currency: str) -> Bar:
    share = float(used / limit) if limit else float(used > 0)
    tone = "bad" if share >= 1 else "warn" if share >= WARN_AT else ""
    return Bar(label, share, f"{money(used, currency)} of {money(limit, currency)}", tone)
