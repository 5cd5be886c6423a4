"""Views of the list: three that everybody has, and what people have kept."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from django.urls import reverse

from analytics.console.explorer.facets import EXPENSIVE, SLOW_MS, Thresholds
from analytics.console.explorer.filters import Condition, Filters
from analytics.console.explorer.state import State
from analytics.rollups.cubes import ERROR_STATUSES
from gateway.models import Organization, SavedView, User
from gateway.services.saved_views import KEEPERS, SHARERS

DROPPED = ("organization", "before", "after", "peek", "live", "q", "part")
LONGEST = 4000
SHOWN = 100


@dataclass(frozen=True, slots=True)
class View:
    """`note`: whose it is; `delete_id` empty: not the person's to delete."""

    name: str
    url: str
    is_current: bool
    note: str = ""
    delete_id: str = ""


def built_in(state: State, found: Thresholds | None) -> list[View]:
    """Errors, slow and expensive requests of the window on the page."""
    limits = found or Thresholds(SLOW_MS, EXPENSIVE)
    filters = {
        "All": Filters(),
        "Errors": Filters(conditions=(Condition("status", ERROR_STATUSES),)),
        "Slow": Filters(least_ms=limits.slow_ms),
        "Expensive": Filters(least_cost=limits.expensive),
    }
    return [View(name, state.url(filters=each), state.filters == each) for name, each in filters.items()]


def views(user: User, state: State) -> list[View]:
    """The person's own and those shared with their role. One query."""
    organization = state.organization
    rows = SavedView.objects.visible_to(user).filter(organization=organization, page="requests")
    found = []
    for row in rows.select_related("owner")[:SHOWN]:
        is_own = row.owner_id == user.pk
        note = ("shared" if row.shared_with else "") if is_own else f"by {row.owner}"
        may_delete = is_own or (row.shared_with and may(user, organization, KEEPERS))
        url = f"{reverse('admin:requests')}?organization={organization.slug}&{row.query}"
        found.append(View(row.name, url, row.query == state.saved_text, note, str(row.pk) if may_delete else ""))
    return found


def may_share(user: User, organization: Organization) -> bool:
    return may(user, organization, SHARERS)


def may(user: User, organization: Organization, roles: frozenset[str]) -> bool:
    """No query: the frame has read the role."""
    return user.is_superuser or getattr(organization, "role", None) in roles


def cleaned(query: str) -> str:
    """URL parameters worth keeping."""
    pairs = parse_qsl(query.replace("\0", ""), max_num_fields=None)
    return urlencode([(name, value) for name, value in pairs if name not in DROPPED])[:LONGEST]
