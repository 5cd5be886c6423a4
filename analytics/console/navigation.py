"""Side navigation by task: an entry appears when its page exists and the person may open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

# (label, icon, url name, model whose view permission is asked; empty: everybody who is signed in)
Entry = tuple[str, str, str, str]

SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("", (("Home", "home", "admin:index", ""), ("Requests", "list", "admin:requests", ""))),
    (
        "Gateway",
        (
            ("Keys", "key", "admin:gateway_virtualkey_changelist", "gateway.virtualkey"),
            ("Providers", "cloud", "admin:gateway_provider_changelist", "gateway.provider"),
            ("Models", "cube", "admin:gateway_model_changelist", "gateway.model"),
            ("Routes", "route", "admin:gateway_route_changelist", "gateway.route"),
        ),
    ),
    (
        "Organization",
        (
            ("Projects", "folder", "admin:gateway_project_changelist", "gateway.project"),
            ("Teams", "team", "admin:gateway_team_changelist", "gateway.team"),
            ("People", "people", "admin:gateway_membership_changelist", "gateway.membership"),
            ("Audit", "shield", "admin:gateway_auditevent_changelist", "gateway.auditevent"),
        ),
    ),
    (
        "",
        (
            ("Settings", "sliders", "admin:settings", ""),
            ("API docs", "book", "api-docs", ""),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class NavItem:
    """One link; `current` when the page shown lies under it."""

    label: str
    icon: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class NavSection:
    label: str
    items: tuple[NavItem, ...]


def navigation(request: HttpRequest, allowed: Callable[[str], bool]) -> list[NavSection]:
    """Sections with at least one entry. `allowed(model)` decides for entries that name one. No query of its own."""
    home = reverse("admin:index")
    sections = []
    for label, entries in SECTIONS:
        items = []
        for text, icon, name, model in entries:
            url = _url(name)
            if url is None or (model and not allowed(model)):
                continue
            current = request.path == url if url == home else request.path.startswith(url)
            items.append(NavItem(text, icon, url, current))
        if items:
            sections.append(NavSection(label, tuple(items)))
    return sections


def _url(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
