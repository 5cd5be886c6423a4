"""Chainable reads of costs. Every read on behalf of a person goes through `.visible_to(user)`."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Self

from django.db.models import Exists, OuterRef, Q

from gateway.choices import Role
from gateway.querysets import WIDE_ROLES, VisibleQuerySet, memberships_of, organizations_of

if TYPE_CHECKING:
    from gateway.querysets import Person


class PriceOverrideQuerySet(VisibleQuerySet):
    """Contract prices: owners, administrators and analysts of the organization; the platform's are open to members."""

    def _visible_q(self, user: Person) -> Q:
        own = Q(organization__in=organizations_of(user, *WIDE_ROLES))
        return own | Q(organization=None)

    def overlapping(self, start: datetime, end: datetime | None) -> Self:
        """Rows whose `[valid_from, valid_to)` meets `[start, end)`; an `end` of None is open."""
        later = Q(valid_to=None) | Q(valid_to__gt=start)
        return self.filter(later) if end is None else self.filter(later, valid_from__lt=end)

    def current(self, at: datetime) -> Self:
        """Rows in force at `at`."""
        return self.filter(Q(valid_to=None) | Q(valid_to__gt=at), valid_from__lte=at)


class ExchangeRateQuerySet(VisibleQuerySet):
    """Every member sees the organization's rates and the platform's."""

    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user)) | Q(organization=None)


class PlatformPriceQuerySet(VisibleQuerySet):
    """Public prices are everybody's who is signed in."""

    def _visible_q(self, user: Person) -> Q:
        return Q()

    def in_force(self, at: datetime) -> Self:
        """Rates that stand at `at`."""
        begun = Q(valid_from=None) | Q(valid_from__lte=at)
        return self.filter(begun, Q(valid_to=None) | Q(valid_to__gt=at))


class RepricingQuerySet(VisibleQuerySet):
    """Whole organizations: owners, administrators and analysts."""

    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user, *WIDE_ROLES))


class BudgetCounterQuerySet(VisibleQuerySet):
    """Counters of visible budgets."""

    def _visible_q(self, user: Person) -> Q:
        from costs.models import Budget  # of the same app: needed at call time only

        return Q(Exists(Budget.objects.visible_to(user).filter(pk=OuterRef("budget_id"))))

    def current(self, at: datetime) -> Self:
        """Whose period holds `at`."""
        return self.filter(period_start__lte=at, period_end__gt=at)


class UnpricedPolicyQuerySet(VisibleQuerySet):
    """Every member sees the organization's rules."""

    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user))


class WideQuerySet(VisibleQuerySet):
    """What is about the whole organization: owners, administrators and analysts."""

    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user, *WIDE_ROLES))


class InvoicePartQuerySet(VisibleQuerySet):
    """Lines and cells of visible invoices."""

    def _visible_q(self, user: Person) -> Q:
        return Q(invoice__organization__in=organizations_of(user, *WIDE_ROLES))


class CostCenterQuerySet(VisibleQuerySet):
    """Owners, administrators and analysts see the organization's, managers their team's, everyone the ones they own."""

    def _visible_q(self, user: Person) -> Q:
        wide = Q(organization__in=organizations_of(user, *WIDE_ROLES))
        team = Q(team__in=memberships_of(user, Role.MANAGER).values("team_id"))
        return wide | team | Q(owner_id=user.pk, organization__in=organizations_of(user))


class StatementItemQuerySet(VisibleQuerySet):
    """Lines of the cost centres that one sees; what has none is the organization's."""

    def _visible_q(self, user: Person) -> Q:
        from costs.models import CostCenter  # of the same app: needed at call time only

        centers = Exists(CostCenter.objects.visible_to(user).filter(pk=OuterRef("cost_center_id")))
        return Q(centers) | Q(statement__organization__in=organizations_of(user, *WIDE_ROLES))


class UnitValueQuerySet(VisibleQuerySet):
    """Values of visible metrics."""

    def _visible_q(self, user: Person) -> Q:
        return Q(metric__organization__in=organizations_of(user, *WIDE_ROLES))

    def in_days(self, first: date, last: date) -> Self:
        """Of the days from `first` to before `last`."""
        return self.filter(day__gte=first, day__lt=last)
