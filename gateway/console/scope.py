"""What every page of the gateway's own console asks first: whose page is it, and may it be written here."""

from typing import Any

from django.http import Http404, HttpRequest

from gateway.choices import Role
from gateway.console.registry import ConsoleSite
from gateway.models import Organization, User
from gateway.services.audit import Actor

ADMINISTRATORS = frozenset({Role.OWNER, Role.ADMIN})


def organization_of(context: dict[str, Any]) -> Organization:
    """The chosen organization. Raises `Http404` for a person who belongs to none."""
    organization: Organization | None = context["console"].scope.current
    if organization is None:
        raise Http404("no organization")
    return organization


def frame(request: HttpRequest, site: ConsoleSite, title: str) -> tuple[dict[str, Any], Organization]:
    """The frame's context with the page's title, and the organization it is about."""
    context = {**site.each_context(request), "title": title}
    return context, organization_of(context)


def may_administer(request: HttpRequest, organization: Organization) -> bool:
    """Whether the person may change what administrators change. No query: the scope has read the role."""
    user: Any = request.user
    return bool(user.is_superuser or getattr(organization, "role", None) in ADMINISTRATORS)


def actor(request: HttpRequest) -> Actor:
    """The person, as services want them."""
    person: Any = request.user
    return person


def person(request: HttpRequest) -> User:
    """Who is signed in; a page of the console has nobody else."""
    assert isinstance(request.user, User)
    return request.user
