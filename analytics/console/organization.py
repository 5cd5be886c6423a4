"""Which organization a console page is about: the URL's, else the one chosen last, else the person's first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest

from gateway.models import Organization

SESSION_KEY = "console_organization"
MANY = 200


@dataclass
class Scope:
    """The organizations a person may look at and the chosen one; at most one query, made when first asked."""

    request: HttpRequest

    @cached_property
    def organizations(self) -> list[Organization]:
        """Visible, live organizations, oldest first; at most `MANY`."""
        return list(Organization.objects.visible_to(self.request.user).active().order_by("created_at")[:MANY])

    @cached_property
    def current(self) -> Organization | None:
        """The chosen organization; None when the person belongs to none. A choice in the URL is remembered."""
        by_slug = {organization.slug: organization for organization in self.organizations}
        asked = self.request.GET.get("organization", "")
        if asked in by_slug:
            if self.request.session.get(SESSION_KEY) != asked:
                self.request.session[SESSION_KEY] = asked
            return by_slug[asked]
        remembered = by_slug.get(self.request.session.get(SESSION_KEY, ""))
        return remembered or next(iter(self.organizations), None)
