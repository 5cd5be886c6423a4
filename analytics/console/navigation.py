"""Side navigation by task, from the entries of every provider: an entry appears when its page exists and the person
may open it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from analytics.console import picker
from gateway.console import EVERYBODY, NavEntry, Permission, Section, providers


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


def navigation(request: HttpRequest, allowed: Callable[[Permission], bool]) -> list[NavSection]:
    """Sections with at least one entry, in the order of `Section`; from one page of figures to the next the range and
    what they are narrowed to go along. No query of its own."""
    found = [(entry, url) for entry, url in _reachable() if allowed(_permission(entry))]
    places = {place: url for entry, url in found for place in (url, *_also(entry))}
    current = places.get(_current(request.path, list(places)), "")
    sections = []
    figures = {f"admin:{name}" for name in picker.PAGES}
    kept = picker.carried(request.GET) if request.path in {reverse(name) for name in figures} else []
    state = f"?{urlencode(kept)}" if kept else ""
    for section in Section:
        entries = sorted((pair for pair in found if pair[0].section is section), key=lambda pair: _rank(pair[0]))
        items = tuple(
            NavItem(entry.label, entry.icon, f"{url}{state}" if entry.url_name in figures else url, url == current)
            for entry, url in entries
        )
        if items:
            sections.append(NavSection(section.value, items))
    return sections


def _reachable() -> Iterator[tuple[NavEntry, str]]:
    for provider in providers():
        for entry in provider.navigation:
            try:
                yield entry, reverse(entry.url_name)
            except NoReverseMatch:
                continue


def _also(entry: NavEntry) -> Iterator[str]:
    for name in entry.also:
        try:
            yield reverse(name)
        except NoReverseMatch:
            continue


def _permission(entry: NavEntry) -> Permission:
    if entry.permission is not None:
        return entry.permission
    pages = (page for provider in providers() for page in provider.pages)
    return next((page.permission for page in pages if f"admin:{page.name}" == entry.url_name), EVERYBODY)


def _current(path: str, urls: list[str]) -> str:
    """The longest URL that `path` lies under, so of `/usage/` and `/usage/keys/` one is marked; home only itself."""
    home = reverse("admin:index")
    under = [url for url in urls if (path == url if url == home else path.startswith(url))]
    return max(under, key=len, default="")


def _rank(entry: NavEntry) -> tuple[int, str]:
    return entry.order, entry.label
