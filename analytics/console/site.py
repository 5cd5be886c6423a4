"""The console: `django.contrib.admin`'s site with the project's skin, and our pages mounted inside it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse

from analytics.console import status as machinery
from analytics.console import views
from analytics.console.forms import SignInForm
from analytics.console.navigation import NavSection, navigation
from analytics.console.organization import Scope
from gateway.models import User


class ConsoleSite(AdminSite):
    """Model admin and dashboards under one login, navigation and theme.

    Every active person may sign in; what they see is narrowed by `visible_to`, and model pages by their ModelAdmin.
    """

    site_header = "LLM Gateway"
    site_title = "LLM Gateway"
    index_title = "Home"
    site_url = None
    empty_value_display = "—"
    enable_nav_sidebar = False
    login_form = SignInForm
    password_change_template = "registration/password_change_form.html"  # noqa: S105  (a path)

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_authenticated

    def get_urls(self) -> list[URLPattern | URLResolver]:
        pages: list[URLPattern | URLResolver] = [
            path("requests/", self.page(views.requests), name="requests"),
            path("requests/recent/", self.page(views.recent_requests, cacheable=True), name="recent_requests"),
            path("requests/<str:request_id>/", self.page(views.request_detail), name="request"),
            path("settings/", self.page(views.settings), name="settings"),
            path("status/", self.page(views.system_status), name="status"),
            path("status/demo/", self.page(views.demo_progress), name="demo_progress"),
            path("theme/", self.page(views.set_theme), name="theme"),
        ]
        return pages + super().get_urls()

    def page(self, view: Any, *, cacheable: bool = False) -> Any:
        """`view(request, site, …)` behind the site's login; `cacheable` leaves out the no-store header."""

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return view(request, self, *args, **kwargs)

        inner.__name__ = view.__name__
        return self.admin_view(inner, cacheable)

    def index(  # type: ignore[override]  # the stubs want a TemplateResponse; the site only needs a response
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return views.home(request, self)

    def app_index(  # type: ignore[override]  # as above
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One application's models are a card of the settings page."""
        if not self.get_app_list(request, app_label):
            raise Http404
        return redirect(f"{reverse('admin:settings')}#app-{app_label}")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What the stock templates want, without the application list that only their sidebar shows (two queries)."""
        return {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "site_url": self.site_url,
            "has_permission": self.has_permission(request),
            "is_popup": False,
            "is_nav_sidebar_enabled": False,
            "log_entries": self.get_log_entries(request),
            "console": ConsoleContext(request, self),
        }


class ConsoleContext:
    """What every page's frame needs; each part is computed when the template first asks for it."""

    def __init__(self, request: HttpRequest, site: ConsoleSite) -> None:
        self.request = request
        self._site = site
        self.scope = Scope(request)

    @cached_property
    def user(self) -> User | AnonymousUser:
        return self.request.user

    @property
    def signed_in(self) -> bool:
        return self._site.has_permission(self.request)

    @property
    def theme(self) -> str:
        return getattr(self.user, "theme", "auto")

    @cached_property
    def sections(self) -> list[NavSection]:
        return navigation(self.request, self._may_view)

    @cached_property
    def status(self) -> machinery.SystemStatus:
        return machinery.system_status()

    @cached_property
    def seed(self) -> machinery.SeedProgress | None:
        return machinery.seed_progress(self.scope.seed_job)

    @property
    def role(self) -> str:
        """The person's role in words."""
        platform = "Platform administrator" if getattr(self.user, "is_superuser", False) else "No role yet"
        return self.scope.role or platform

    def _may_view(self, label: str) -> bool:
        self.scope.share_roles()
        admin = self._site._registry.get(apps.get_model(label))
        return admin is not None and admin.has_view_permission(self.request)
