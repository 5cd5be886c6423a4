"""Side navigation by task, from the entries of every provider: an entry appears when its page exists and the person
may open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, get_script_prefix, reverse

from analytics.console import picker
from gateway.console import EVERYBODY, ConsoleProvider, NavEntry, Permission, Section, providers


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


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry and its page; `also`: pages that count as it, `has_figures`: whether a range goes along."""

    entry: NavEntry
    url: str
    also: tuple[str, ...]
    permission: Permission
    has_figures: bool


def navigation(request: HttpRequest, allowed: Callable[[Permission], bool]) -> list[NavSection]:
    """Sections with at least one entry, in the order of `Section`; from one page of figures to the next the range and
    what they are narrowed to go along. No query of its own."""
    found = [place for place in _places(providers(), get_script_prefix()) if allowed(place.permission)]
    places = {url: place.url for place in found for url in (place.url, *place.also)}
    current = places.get(_current(request.path, list(places)), "")
    sections = []
    kept = picker.carried(request.GET) if any(at.has_figures and at.url == request.path for at in found) else []
    state = f"?{urlencode(kept)}" if kept else ""
    for section in Section:
        items = tuple(
            NavItem(at.entry.label, at.entry.icon, f"{at.url}{state}" if at.has_figures else at.url, at.url == current)
            for at in found
            if at.entry.section is section
        )
        if items:
            sections.append(NavSection(section.value, items))
    return sections


@cache
def _places(declared: tuple[ConsoleProvider, ...], prefix: str) -> list[_Place]:
    """Entries whose page exists, in the order of their sections' lists; the same for every request of a process.
    `prefix`: the script's, which every URL begins with."""
    permissions = {f"admin:{page.name}": page.permission for provider in declared for page in provider.pages}
    figures = {f"admin:{name}" for name in picker.PAGES}
    entries = sorted((entry for provider in declared for entry in provider.navigation), key=_rank)
    found = []
    for entry in entries:
        if (url := _url(entry.url_name)) is not None:
            also = tuple(other for name in entry.also if (other := _url(name)) is not None)
            permission = permissions.get(entry.url_name, EVERYBODY) if entry.permission is None else entry.permission
            found.append(_Place(entry, url, also, permission, entry.url_name in figures))
    return found


def _url(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None


def _current(path: str, urls: list[str]) -> str:
    """The longest URL that `path` lies under, so of `/usage/` and `/usage/keys/` one is marked; home only itself."""
    home = reverse("admin:index")
    under = [url for url in urls if (path == url if url == home else path.startswith(url))]
    return max(under, key=len, default="")


def _rank(entry: NavEntry) -> tuple[int, str]:
    return entry.order, entry.label
