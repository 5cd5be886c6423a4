"""Chainable reads. Every read on behalf of a person goes through `.visible_to(user)`; no side effects here.

Visibility: superuser everything; owner, admin, analyst their organization; manager the own team; developer what
is their own (their keys, their usage, the projects of their team). What is not visible does not exist (404).
"""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q

from gateway.choices import ArchiveState, Role

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

    Person = AbstractBaseUser | AnonymousUser

WIDE_ROLES = (Role.OWNER, Role.ADMIN, Role.ANALYST)


def memberships_of(user: Person, *roles: str) -> models.QuerySet[Any]:
    """Active memberships of `user`, narrowed to `roles` when given."""
    from gateway.models import Membership  # a queryset of another model of the same app: needed at call time only

    identity: Any = user.pk  # None for nobody: matches no row
    rows = Membership.objects.filter(user_id=identity, archived_at=None, organization__archived_at=None)
    return rows.filter(role__in=roles) if roles else rows


class VisibleQuerySet(models.QuerySet[Any]):
    """Base: subclasses say what a plain member sees in `_visible_q`."""

    def visible_to(self, user: Person) -> Self:
        """Rows that exist for `user`; a person who may not sign in sees none."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(self._visible_q(user))

    def _visible_q(self, user: Person) -> Q:
        raise NotImplementedError

    def active(self) -> Self:
        return self.filter(archived_at=None)


def organizations_of(user: Person, *roles: str) -> models.QuerySet[Any] | list[UUID]:
    """Organizations where `user` has one of `roles` (any when none is given). A management key acts as
    administrator of its own organization (`gateway.api.authentication.KeyPrincipal`)."""
    own: UUID | None = getattr(user, "key_organization_id", None)
    if own is not None:
        return [own] if not roles or Role.ADMIN in roles else []
    return memberships_of(user, *roles).values("organization_id")


def teams_of(user: Person) -> models.QuerySet[Any]:
    return memberships_of(user).exclude(team=None).values("team_id")


class OrganizationQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        return Q(pk__in=organizations_of(user))


class TeamQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user, *WIDE_ROLES)) | Q(pk__in=teams_of(user))


class ProjectQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        own_keys = Q(keys__user_id=user.pk, organization__in=organizations_of(user))
        wide = Q(organization__in=organizations_of(user, *WIDE_ROLES)) | Q(team__in=teams_of(user))
        return wide | Q(pk__in=self.model._default_manager.filter(own_keys).values("pk"))


class MembershipQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        team = Q(team__in=memberships_of(user, Role.MANAGER).values("team_id"))
        return Q(organization__in=organizations_of(user, *WIDE_ROLES)) | team | Q(user_id=user.pk)


class InvitationQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user, Role.OWNER, Role.ADMIN))


class VirtualKeyQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        team = Q(project__team__in=memberships_of(user, Role.MANAGER).values("team_id"))
        own = Q(user_id=user.pk, organization__in=organizations_of(user))
        return Q(organization__in=organizations_of(user, *WIDE_ROLES)) | team | own

    def usable(self, now: datetime) -> Self:
        """Neither revoked nor expired at `now`, in a live project and organization, of no one or an active person."""
        live = Q(revoked_at=None, project__archived_at=None, organization__archived_at=None)
        person = Q(user=None) | Q(user__is_active=True)
        return self.filter(live & person & (Q(expires_at=None) | Q(expires_at__gt=now)))

    def listed(self, now: datetime) -> Self:
        """Without keys that were made for minutes (`GATEWAY_PASSING_KEYS`) and are over at `now`: their names and lines
        stay, but lists of keys would fill with them."""
        passing = Q()
        for relation in settings.GATEWAY_PASSING_KEYS:
            passing |= Q(**{f"{relation}__isnull": False})
        return self.exclude(passing & (Q(revoked_at__isnull=False) | Q(expires_at__lte=now))) if passing else self


class CatalogQuerySet(VisibleQuerySet):
    """Providers, models, routes: every member sees their organization's and the platform's."""

    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user)) | Q(organization=None)


class MemberQuerySet(VisibleQuerySet):
    """What every member of the organization sees: how its calls are cached and guarded."""

    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user))


class ScopedQuerySet(VisibleQuerySet):
    """What is about a scope: owners, administrators and analysts see the organization's, managers their team's, people
    what is about themselves."""

    def _visible_q(self, user: Person) -> Q:
        wide = Q(organization__in=organizations_of(user, *WIDE_ROLES))
        team = Q(team__in=memberships_of(user, Role.MANAGER).values("team_id"))
        own = Q(scope="user", scope_value=str(user.pk), organization__in=organizations_of(user))
        return wide | team | own


class SavedViewQuerySet(VisibleQuerySet):
    """One's own views, and those that are shared with one's role."""

    def _visible_q(self, user: Person) -> Q:
        visible = Q(owner_id=user.pk, organization__in=organizations_of(user))
        for role in Role.values:
            visible |= Q(shared_with__contains=[role], organization__in=organizations_of(user, role))
        return visible


class AuditEventQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user, Role.OWNER, Role.ADMIN))


class ImportRunQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user, Role.OWNER, Role.ADMIN))


class JobQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        return Q(organization__in=organizations_of(user, Role.OWNER, Role.ADMIN)) | Q(requested_by_id=user.pk)


class HeartbeatQuerySet(models.QuerySet[Any]):
    def of(self, *kinds: str) -> Self:
        """Of processes of these kinds."""
        return self.filter(reduce(or_, (Q(name=kind) | Q(name__startswith=f"{kind}:") for kind in kinds)))


class LedgerLineQuerySet(VisibleQuerySet):
    def _visible_q(self, user: Person) -> Q:
        team = Q(team__in=memberships_of(user, Role.MANAGER).values("team_id"))
        own = Q(user=user.pk, organization__in=organizations_of(user))
        return Q(organization__in=organizations_of(user, *WIDE_ROLES)) | team | own

    def in_window(self, start: datetime, end: datetime) -> Self:
        """Lines that started in `[start, end)`."""
        return self.filter(started_at__gte=start, started_at__lt=end)


class LedgerArchiveQuerySet(VisibleQuerySet):
    """A month's archive has the lines of every organization, so it is the installation's: superusers see it. Lines that
    are read from it go through `LedgerLineQuerySet`."""

    def _visible_q(self, user: Person) -> Q:
        return Q(pk__in=[])

    def readable(self) -> Self:
        """Whose lines are in the archive alone."""
        return self.filter(state=ArchiveState.COMPLETE)

    def touching(self, start: datetime, end: datetime) -> Self:
        """With lines that may have started in `[start, end)`."""
        return self.readable().filter(first_at__lt=end, last_at__gte=start)

    def kept(self, start: datetime, end: datetime) -> Self:
        """The same, with those whose lines are in the ledger again."""
        states = (ArchiveState.COMPLETE, ArchiveState.RESTORED)
        return self.filter(state__in=states, first_at__lt=end, last_at__gte=start)


class QualityScoreQuerySet(VisibleQuerySet):
    """Who sees a request sees what was said of it."""

    def _visible_q(self, user: Person) -> Q:
        team = Q(team__in=memberships_of(user, Role.MANAGER).values("team_id"))
        own = Q(user=user.pk, organization__in=organizations_of(user))
        return Q(organization__in=organizations_of(user, *WIDE_ROLES)) | team | own
