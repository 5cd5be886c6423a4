"""Saved views of a page: what people have kept of its address, for themselves or for roles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from analytics.console.questions import attempt
from gateway.choices import Role
from gateway.console import ConsoleSite
from gateway.console.scope import organization_of, person
from gateway.models import Organization, SavedView, User
from gateway.services import saved_views
from gateway.services.errors import ServiceError
from gateway.services.saved_views import KEEPERS, SHARERS

PAGES = ("requests", "usage", "performance", "cost_explorer")
DROPPED = ("organization", "before", "after", "peek", "live", "q", "part", "add", "value")
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


@dataclass(frozen=True, slots=True)
class Views:
    """What the bar of views shows; `text`: what a new one keeps."""

    page: str
    text: str
    built_in: list[View]
    kept: list[View]
    may_share: bool
    roles: list[tuple[str, str]] = field(default_factory=lambda: list(Role.choices))


def bar(user: User, organization: Organization, page: str, text: str, built_in: list[View]) -> Views:
    """The bar of `page`, whose state is `text`. One query."""
    kept = attempt("saved views", lambda: views(user, organization, page, text)) or []
    return Views(page, text, built_in, kept, may(user, organization, SHARERS))


def views(user: User, organization: Organization, page: str, text: str) -> list[View]:
    """The person's own and those shared with their role. One query."""
    rows = SavedView.objects.visible_to(user).filter(organization=organization, page=page)
    found = []
    for row in rows.select_related("owner")[:SHOWN]:
        is_own = row.owner_id == user.pk
        note = ("shared" if row.shared_with else "") if is_own else f"by {row.owner}"
        may_delete = is_own or (row.shared_with and may(user, organization, KEEPERS))
        url = f"{reverse(f'admin:{page}')}?organization={organization.slug}&{row.query}"
        found.append(View(row.name, url, row.query == text, note, str(row.pk) if may_delete else ""))
    return found


def may(user: User, organization: Organization, roles: frozenset[Role]) -> bool:
    """No query: the frame has read the role."""
    return user.is_superuser or getattr(organization, "role", None) in roles


def cleaned(query: str) -> str:
    """URL parameters worth keeping."""
    pairs = parse_qsl(query.replace("\0", ""), max_num_fields=None)
    return urlencode([(name, value) for name, value in pairs if name not in DROPPED])[:LONGEST]


@require_POST
def view_save(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Keep the page `page` as it is, under a name."""
    organization = organization_of(site.each_context(request))
    page, query = request.POST.get("page", ""), cleaned(request.POST.get("query", ""))
    page = page if page in PAGES else PAGES[0]
    try:
        view = saved_views.save_view(
            organization=organization, owner=person(request), role=getattr(organization, "role", None), page=page,
            name=request.POST.get("name", "").replace("\0", "").strip(), query=query,
            shared_with=request.POST.getlist("shared_with"),
        )  # fmt: skip
        messages.success(request, f"The view {view.name} is saved.")
    except ServiceError as error:
        messages.error(request, error.message)
    return _page(page, organization, query)


@require_POST
def view_delete(request: HttpRequest, site: ConsoleSite, view_id: Any) -> HttpResponse:
    """Forget a view."""
    organization = organization_of(site.each_context(request))
    visible = SavedView.objects.visible_to(request.user).select_related("organization")
    view = get_object_or_404(visible, pk=view_id, organization=organization)
    try:
        saved_views.delete_view(view=view, actor=person(request), role=getattr(organization, "role", None))
        messages.success(request, f"The view {view.name} is deleted.")
    except ServiceError as error:
        messages.error(request, error.message)
    return _page(view.page if view.page in PAGES else PAGES[0], organization, view.query)


def _page(page: str, organization: Organization, query: str) -> HttpResponse:
    return redirect(f"{reverse(f'admin:{page}')}?{urlencode({'organization': organization.slug})}&{query}")
