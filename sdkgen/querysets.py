"""Reads of what people make with SDKs."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db.models import Q

from gateway.querysets import VisibleQuerySet, organizations_of

if TYPE_CHECKING:
    from gateway.querysets import Person


class PlaygroundQuerySet(VisibleQuerySet):
    """A session of the playground is its person's alone."""

    def _visible_q(self, user: "Person") -> Q:
        return Q(user_id=user.pk, organization__in=organizations_of(user))

    def live(self, now: datetime) -> Self:
        """Whose key works at `now`, oldest first."""
        return self.filter(key__revoked_at=None, key__expires_at__gt=now).order_by("created_at", "id")
