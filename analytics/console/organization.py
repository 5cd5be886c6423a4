"""Which organization a console page is about: the URL's, else the one chosen last, else the person's first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest

from gateway.api.organization import CONSOLE_SESSION_KEY
from gateway.choices import Role
from gateway.models import Job, Membership, Organization
from gateway.querysets import WIDE_ROLES

SEED_JOB = "seed_demo"
MANY = 200


@dataclass
class Scope:
    """The organizations a person may look at and the chosen one; at most one query, made when first asked."""

    request: HttpRequest

    @cached_property
    def organizations(self) -> list[Organization]:
        """Visible, live organizations, oldest first, at most `MANY`; with the person's role and the demo's progress."""
        return list(_annotated(self.request)[:MANY])

    @cached_property
    def current(self) -> Organization | None:
        """The chosen organization; None when the person belongs to none. A choice in the URL is remembered."""
        by_slug = {organization.slug: organization for organization in self.organizations}
        asked = self.request.GET.get("organization", "")
        if asked in by_slug:
            if self.request.session.get(CONSOLE_SESSION_KEY) != asked:
                self.request.session[CONSOLE_SESSION_KEY] = asked
            return by_slug[asked]
        remembered = by_slug.get(self.request.session.get(CONSOLE_SESSION_KEY, ""))
        return remembered or next(iter(self.organizations), None)

    @property
    def role(self) -> str:
        """The person's role in the chosen organization, in words; empty when there is none."""
        role = getattr(self.current, "role", None)
        return Role(role).label if role else ""

    def share_roles(self) -> None:
        """Hand the roles just read to the model pages (`gateway.admin`), which would ask for them again."""
        if not hasattr(self.request, "gateway_roles") and len(self.organizations) < MANY:
            roles = {organization.pk: getattr(organization, "role", None) for organization in self.organizations}
            self.request.gateway_roles = {pk: role for pk, role in roles.items() if role}  # type: ignore[attr-defined]

    @property
    def sees_all(self) -> bool:
        """Whether the person sees every line of the chosen organization, not only a team's or their own."""
        return getattr(self.request.user, "is_superuser", False) or getattr(self.current, "role", None) in WIDE_ROLES

    @property
    def seed_job(self) -> dict[str, Any] | None:
        """`{status, progress, error}` of the newest job that builds the chosen organization's demo history."""
        return getattr(self.current, "seed_job", None)


def _annotated(request: HttpRequest) -> QuerySet[Organization]:
    own = Membership.objects.filter(organization=OuterRef("pk"), user=request.user.pk, archived_at=None)
    job = Job.objects.filter(kind=SEED_JOB, organization=OuterRef("pk")).order_by("-created_at")
    about = JSONObject(status="status", progress="progress", error="error")
    organizations = Organization.objects.visible_to(request.user).active().order_by("created_at")
    return organizations.annotate(role=Subquery(own.values("role")[:1]), seed_job=Subquery(job.values(about=about)[:1]))
