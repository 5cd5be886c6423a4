"""Reads of recommendations: the organization's for owners, administrators and analysts, their team's for managers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db.models import Q

from gateway.choices import Role
from gateway.querysets import WIDE_ROLES, VisibleQuerySet, memberships_of, organizations_of

if TYPE_CHECKING:
    from gateway.querysets import Person


class RecommendationQuerySet(VisibleQuerySet):
    """A manager sees what is about calls of the own team alone."""

    def _visible_q(self, user: Person) -> Q:
        wide = Q(organization__in=organizations_of(user, *WIDE_ROLES))
        return wide | Q(team__in=memberships_of(user, Role.MANAGER).values("team_id"))

    def open(self) -> Self:
        """That wait for somebody's decision."""
        return self.filter(state="open")

    def done(self) -> Self:
        """That were applied, measured yet or not."""
        return self.filter(state__in=("applied", "verified"))
