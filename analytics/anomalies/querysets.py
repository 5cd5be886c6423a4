"""Reads of anomalies: an anomaly is seen by who sees its whole scope."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db.models import Q

from gateway.choices import Role
from gateway.querysets import WIDE_ROLES, VisibleQuerySet, memberships_of, organizations_of

if TYPE_CHECKING:
    from gateway.querysets import Person


class AnomalyQuerySet(VisibleQuerySet):
    """Owners, administrators and analysts see the organization's, managers those within their team, people those of
    their own keys."""

    def _visible_q(self, user: Person) -> Q:
        wide = Q(organization__in=organizations_of(user, *WIDE_ROLES))
        team = Q(team__in=memberships_of(user, Role.MANAGER).values("team_id"))
        own = Q(user=user.pk, organization__in=organizations_of(user))
        return wide | team | own

    def unsettled(self) -> Self:
        """Nobody has said yet that they were meant or are nothing."""
        return self.filter(state__in=("open", "acknowledged"))

    def in_window(self, start: datetime, end: datetime) -> Self:
        """That lasted into `[start, end)`."""
        return self.filter(last_seen_at__gte=start, started_at__lt=end)
