"""Budgets as analytics forecasts them: what each is about, and how much of it is spent."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from analytics.answers.scopes import filter_of
from costs.models import Budget
from costs.usage import Usage, usage_of
from gateway.console import SpendingLimit
from gateway.models import Organization, User
from gateway.scopes import KEY, is_each
from gateway.services.scopes import keys_of

YEAR = timedelta(days=366)


def limits_of(user: User, organization: Organization, at: datetime) -> Sequence[SpendingLimit]:
    """Budgets of one subject that `user` sees, by name. Two queries, three where one rolls over, one more for keys."""
    rows = Budget.objects.visible_to(user).filter(organization=organization, archived_at=None)
    budgets = [
        budget for budget in rows if not is_each(budget.scope_value) and budget.currency == organization.currency
    ]
    keys = keys_of(organization, (budget.scope_value for budget in budgets if budget.scope == KEY))
    return [_limit(one.budget, one.first, keys.get(one.budget.scope_value, ())) for one in usage_of(budgets, at)]


def _limit(budget: Budget, usage: Usage, keys: tuple[str, ...]) -> SpendingLimit:
    dimension, values = filter_of(budget.scope, budget.scope_value, keys)
    return SpendingLimit(
        str(budget.pk), budget.name, dimension, values, str(budget.team_id or ""), usage.limit, usage.spent,
        usage.resets_at, tuple(_later(budget, usage.resets_at)),
    )  # fmt: skip


def _later(budget: Budget, resets_at: datetime | None) -> Iterator[tuple[datetime, datetime, Decimal]]:
    """Without what may roll over: that is not known before."""
    start = resets_at
    while resets_at is not None and start is not None and start < resets_at + YEAR:
        _, end = budget.rule.window(start)
        yield start, end, budget.amount
        start = end
