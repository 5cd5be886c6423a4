"""What somebody could see when they asked for a file: kept with the job, compared when it is made and downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from analytics.query import Query, QueryError
from analytics.query.scope import Scope, scope_of
from gateway.api.authentication import READ_SCOPES, KeyPrincipal
from gateway.models import Job, Organization, VirtualKey
from gateway.services.errors import Forbidden

CHANGED = "What you may see has changed since this was asked for; ask for it again."


@dataclass(frozen=True, slots=True)
class Sight:
    """The part of one organization: all of it, or some teams and the own lines of `user`."""

    is_wide: bool
    teams: tuple[str, ...] = ()
    own: bool = False
    user: str = ""

    @classmethod
    def of(cls, scope: Scope) -> Self:
        own = bool(scope.own) and not scope.wide
        teams = () if scope.wide else tuple(sorted(map(str, scope.teams)))
        return cls(bool(scope.wide), teams, own, str(scope.user) if own else "")

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        return cls(stored["is_wide"], tuple(stored["teams"]), stored["own"], stored["user"])

    def stored(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"is_wide": self.is_wide, "teams": list(self.teams), "own": self.own, "user": self.user}

    def covers(self, other: Sight) -> bool:
        """Whether everything that `other` shows is to be seen from here."""
        if self.is_wide:
            return True
        return (
            not other.is_wide
            and set(other.teams) <= set(self.teams)
            and (not other.own or (self.own and other.user == self.user))
        )

    def narrowed(self, scope: Scope) -> Scope:
        """The scope of now, cut down to this; raises `Forbidden` when it does not reach that far."""
        if not Sight.of(scope).covers(self):
            raise Forbidden("visibility_changed", CHANGED)
        if self.is_wide:
            return scope
        teams = tuple(UUID(team) for team in self.teams)
        own = scope.organizations if self.own else ()
        return replace(scope, wide=(), teams=teams, own=own, user=UUID(self.user) if self.user else None)


def scope_now(user: Any, organization: Organization) -> Scope:
    """Raises `Forbidden` when the organization is out of sight. One statement."""
    now = datetime.now(UTC)
    try:
        return scope_of(user, Query(measures=(), start=now, end=now, organization=organization))
    except QueryError:
        raise Forbidden("visibility_changed", CHANGED) from None


def requester_of(job: Job) -> Any:
    """The person or the management key that asked. Raises `Forbidden` when they may not ask any more."""
    if job.requested_by is not None:
        return job.requested_by
    key_id = job.parameters.get("key")
    key = VirtualKey.objects.usable(datetime.now(UTC)).filter(pk=key_id).first() if key_id else None
    if key is None or READ_SCOPES.isdisjoint(key.scopes):
        raise Forbidden("visibility_changed", "Whoever asked for this is not there any more.")
    return KeyPrincipal(key)


def is_covered(user: Any, job: Job) -> bool:
    """Whether `user` may see all that the job's file holds. One statement."""
    if job.organization is None:
        return False
    try:
        return Sight.of(scope_now(user, job.organization)).covers(Sight.read(job.parameters["sight"]))
    except Forbidden:
        return False
