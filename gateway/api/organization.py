"""Which organization a request is about, and what the caller may do in it."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from gateway.api.authentication import KeyPrincipal
from gateway.choices import Role
from gateway.models import Organization
from gateway.querysets import memberships_of
from gateway.services.errors import Invalid, NotFound

HEADER = "X-Organization"
CONSOLE_SESSION_KEY = "console_organization"
"""Where the console keeps the slug of the organization a person looked at last."""
MANY = 20
PLATFORM = "~"
"""A superuser names this for the platform's own rows; no slug looks like it."""


@dataclass(frozen=True, slots=True)
class Access:
    """The caller's place in one organization. `organization` None: a superuser who named none, or the platform itself
    (`is_platform`). `role` None: a superuser."""

    organization: Organization | None
    role: Role | None
    team_id: UUID | None = None
    is_superuser: bool = False
    is_platform: bool = False

    @property
    def is_admin(self) -> bool:
        return self.is_superuser or self.role in (Role.OWNER, Role.ADMIN)

    @property
    def may_grant_owner(self) -> bool:
        return self.is_superuser or self.role == Role.OWNER


def access_of(request: Request) -> Access:
    """Resolve once per request. Raises `Invalid` (`organization_required`) or `NotFound`. One query at most."""
    http: Any = request._request
    if not hasattr(http, "gateway_access"):
        http.gateway_access = _resolve(request)
    return http.gateway_access


def _resolve(request: Request) -> Access:
    slug = request.headers.get(HEADER, "").strip()
    user: Any = request.user  # a person or a KeyPrincipal
    if isinstance(user, KeyPrincipal):
        return _of_key(user, slug)
    mine = list(memberships_of(user).select_related("organization").order_by("organization__name"))
    if user.is_superuser:
        return _of_superuser(mine, slug)
    if slug:
        mine = [row for row in mine if row.organization.slug == slug]
        if not mine:
            raise NotFound("organization_not_found", f"No organization {slug!r}.")
    if len(mine) != 1:
        choices = ", ".join(row.organization.slug for row in mine) or "none: you are a member of no organization"
        raise Invalid("organization_required", f"Name one in the {HEADER} header ({choices}).")
    return Access(mine[0].organization, Role(mine[0].role), mine[0].team_id)


def _of_key(user: KeyPrincipal, slug: str) -> Access:
    organization = user.key.organization
    if slug not in ("", organization.slug):
        raise NotFound("organization_not_found", f"No organization {slug!r}.")
    return Access(organization, Role.ADMIN)


def _of_superuser(mine: list[Any], slug: str) -> Access:
    if slug == PLATFORM:
        return Access(None, None, is_superuser=True, is_platform=True)
    if slug:
        found = Organization.objects.filter(slug=slug).first()
        if found is None:
            raise NotFound("organization_not_found", f"No organization {slug!r}.")
        return Access(found, None, is_superuser=True)
    return Access(mine[0].organization if len(mine) == 1 else None, None, is_superuser=True)


def access_of_organization(user: Any, organization: Organization) -> Access:
    """The caller's place in an organization that the path names. One query at most."""
    if isinstance(user, KeyPrincipal):
        return Access(organization, Role.ADMIN if user.key_organization_id == organization.pk else None)
    row = memberships_of(user).filter(organization=organization).first()
    role, team_id = (Role(row.role), row.team_id) if row else (None, None)
    return Access(organization, role, team_id, is_superuser=bool(user.is_superuser))


def required_organization(request: Request) -> Organization:
    """The organization of the request. A superuser who named none gets the only choice there is: the organization
    chosen in the console, when a browser reads, or the platform's only one. Raises `Invalid` (`organization_required`).
    """
    access = access_of(request)
    if access.is_platform:
        raise Invalid("organization_required", f"This belongs to an organization; name one in the {HEADER} header.")
    if access.organization is None:
        http: Any = request._request
        access = http.gateway_access = replace(access, organization=_only_choice(request))
    assert access.organization is not None
    return access.organization


def _only_choice(request: Request) -> Organization:
    found = list(Organization.objects.active().order_by("slug")[: MANY + 1])
    if len(found) == 1:
        return found[0]
    if request.method in SAFE_METHODS and isinstance(request.successful_authenticator, SessionAuthentication):
        chosen = request._request.session.get(CONSOLE_SESSION_KEY)
        if chosen and (row := Organization.objects.active().filter(slug=chosen).first()):
            return row
    names = ", ".join(row.slug for row in found[:MANY]) or "there is none yet"
    more = ", …" if len(found) > MANY else ""
    raise Invalid("organization_required", f"Name one in the {HEADER} header ({names}{more}).")
