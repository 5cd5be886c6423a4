"""Chainable reads of analytics. Every read on behalf of a person goes through `.visible_to(user)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from gateway.querysets import WIDE_ROLES, VisibleQuerySet, memberships_of, organizations_of

if TYPE_CHECKING:
    from gateway.querysets import Person


class DeclaredTagQuerySet(VisibleQuerySet):
    """Every member sees by which tags figures can be asked."""

    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user))


class AnnotationQuerySet(VisibleQuerySet):
    """Every member sees those of the organization and of the own team; owners, administrators and analysts all."""

    def _visible_q(self, user: Person) -> Q:
        shared = Q(team=None, organization__in=organizations_of(user))
        own = Q(team__in=memberships_of(user).values("team_id"))
        return shared | own | Q(organization__in=organizations_of(user, *WIDE_ROLES))
