"""Declarations of console pages and navigation entries, and the providers that the settings list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from gateway.choices import Role
from gateway.console.parts import Mark, PriceStep, SpendingLimit, Use
from gateway.models import Organization, User

# "app.model": who may view that model in its ModelAdmin. Roles: who holds one of them in the chosen organization, and
# superusers. Empty: everybody who is signed in.
Permission = str | frozenset[Role]
EVERYBODY: Permission = ""


class ConsoleSite(Protocol):
    """What a page's view gets as its second argument. `each_context(request)["console"]` is the frame's context: its
    `scope.current` is the chosen organization (None when the person belongs to none)."""

    def each_context(self, request: HttpRequest) -> dict[str, Any]: ...


class Section(StrEnum):
    """Groups of the side navigation, from top to bottom; the value is the heading (the first has none)."""

    OVERVIEW = ""
    COSTS = "Costs"
    GATEWAY = "Gateway"
    TUNING = "Fine-tuning"
    SDKS = "SDKs"
    ORGANIZATION = "Organization"
    SYSTEM = "System"


@dataclass(frozen=True, slots=True)
class Page:
    """One URL under `/admin/`, reversed as `admin:<name>`. `view(request, site, **kwargs)` runs after the site's login
    and only for whom `permission` lets in (403 otherwise); rows still go through `visible_to`. `cacheable` leaves out
    the no-store header, for a view that sets its own. `confirm`: whether a session must lately have been confirmed
    (`gateway.signin.confirmation`): `ALWAYS`, `WRITES` for what is sent alone, or empty."""

    path: str
    view: Callable[..., HttpResponseBase]
    name: str
    permission: Permission = EVERYBODY
    cacheable: bool = False
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class NavEntry:
    """One link of the side navigation. `icon`: a symbol of `static/img/icons.svg`; entries of a section stand by
    `order`, then label. `permission` None: that of the page `url_name` leads to, everybody when it is no `Page`.
    `also`: further pages under which it is the marked entry, such as the model admin that its page leads to."""

    label: str
    url_name: str
    icon: str
    section: Section = Section.OVERVIEW
    order: int = 100
    permission: Permission | None = None
    also: tuple[str, ...] = ()


class ConsoleProvider:
    """One app's contribution. Subclass it and list the class in `ANALYTICS_PROVIDERS`."""

    pages: Sequence[Page] = ()
    navigation: Sequence[NavEntry] = ()
    home_parts: Sequence[str] = ()
    """URL names of pages that answer a card for the home page, which asks for each by itself once it is shown."""
    report_sections: Mapping[str, str] = {}
    """Kinds of report sections: name → dotted path of what draws one (`analytics.reports.sections.Draw`)."""
    alert_sources: Sequence[object] = ()
    """What alert rules can be about besides metrics: instances of `analytics.alerts.sources.AlertSource`."""

    def marks(self, user: User, organization: Organization, start: datetime, end: datetime) -> Sequence[Mark]:
        """Changes of `[start, end)` that `user` may see, for the charts of every page; at most a few dozen."""
        return ()

    def spending_limits(self, user: User, organization: Organization, at: datetime) -> Sequence[SpendingLimit]:
        """Amounts that cost may reach in the period that runs at `at`, those that `user` may see."""
        return ()

    def price_steps(
        self,
        organization: Organization,
        uses: Callable[[], Sequence[Use]],
        start: datetime,
        origin: datetime,
        end: datetime,
    ) -> Sequence[PriceStep]:
        """Changes of prices in `(start, end)` that are or were known beforehand, in order of time for each provider and
        model, the first at `start`; factors against the price at `origin`. `uses` is called when there may be any."""
        return ()


def providers() -> tuple[ConsoleProvider, ...]:
    """The providers of `ANALYTICS_PROVIDERS`, in that order. ImportError names a path that leads nowhere."""
    return _loaded(tuple(settings.ANALYTICS_PROVIDERS))


@cache
def _loaded(paths: tuple[str, ...]) -> tuple[ConsoleProvider, ...]:
    return tuple(import_string(path)() for path in paths)
