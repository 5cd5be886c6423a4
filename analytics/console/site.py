"""The console: `django.contrib.admin`'s site with the project's skin, and our pages mounted inside it."""

from __future__ import annotations

from functools import cached_property, partial, wraps
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse

from analytics.console import picker, views
from analytics.console import status as machinery
from analytics.console.forms import ChangePasswordForm, SignInForm
from analytics.console.navigation import NavSection, navigation
from analytics.console.organization import Scope
from analytics.console.tour import Shown, shown_on, viewpoint_of
from gateway.console import EVERYBODY, Page, Permission, providers
from gateway.models import Organization, User
from gateway.signin import confirmation
from gateway.signin.login import SignInView


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
        declared = (page for provider in providers() for page in provider.pages)
        return [path(page.path, self.page(page), name=page.name) for page in declared] + super().get_urls()

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Pages of model admin refuse a NUL in the query: their filters would ask PostgreSQL, whose texts hold none."""
        inner = super().admin_view(view, cacheable)
        if not isinstance(getattr(view, "__self__", None), ModelAdmin) and view != self.autocomplete_view:
            return inner

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if "%00" in request.META.get("QUERY_STRING", ""):
                raise SuspiciousOperation("a NUL in the query")
            return inner(request, *args, **kwargs)

        return guarded

    def page(self, page: Page) -> Any:
        """The view of `page` behind the site's login and the page's permission; without it: 403."""

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not ConsoleContext.of(request, self).may(page.permission):
                raise PermissionDenied
            if confirmation.is_needed(request, page.confirm):
                return confirmation.ask(request)
            return page.view(request, self, *args, **kwargs)

        inner.__name__ = page.view.__name__
        return self.admin_view(inner, page.cacheable)

    def chosen_organization(self, request: HttpRequest) -> Organization | None:
        """The organization in the header; model admin narrows its lists and pickers to it."""
        return ConsoleContext.of(request, self).scope.current

    def offered_organizations(self, request: HttpRequest) -> list[Organization]:
        """Those that the header lets the person choose from."""
        return ConsoleContext.of(request, self).scope.organizations

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

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # type: ignore[override]
        """The first step of signing in; who is in already goes home."""
        if request.method == "GET" and self.has_permission(request):
            return redirect("admin:index")
        request.current_app = self.name
        context = {**self.each_context(request), "title": "Log in", "app_path": request.get_full_path()}
        context |= {"username": request.user.get_username(), "sso": settings.OIDC, **(extra_context or {})}
        context["has_passwords"] = settings.PASSWORD_SIGN_IN
        view = SignInView.as_view(extra_context=context, authentication_form=self.login_form)
        return view(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # type: ignore[override]  # the stubs want a TemplateResponse
        """Django's page; wrong answers to the current password lock as those of signing in do."""
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=partial(ChangePasswordForm, request=request),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
            template_name=self.password_change_template,
        )
        return view(request)

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
            "console": ConsoleContext.of(request, self),
        }


class ConsoleContext:
    """What every page's frame needs; each part is computed when the template first asks for it."""

    def __init__(self, request: HttpRequest, site: ConsoleSite) -> None:
        self.request = request
        self._site = site
        self.scope = Scope(request)

    @classmethod
    def of(cls, request: HttpRequest, site: ConsoleSite) -> ConsoleContext:
        """The one context of this request: organization and roles are read once."""
        known: ConsoleContext | None = getattr(request, "console_context", None)
        if known is None:
            known = request.console_context = cls(request, site)  # type: ignore[attr-defined]
        return known

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
        return navigation(self.request, self.may)

    @property
    def openable(self) -> list[str]:
        """Pages that the navigation leads this person to, without what they are narrowed to."""
        return [item.url.partition("?")[0] for section in self.sections for item in section.items]

    @cached_property
    def tour(self) -> Shown | None:
        """The stop of a tour that the page was asked for."""
        slug = self.request.GET.get("tour")
        if not slug:
            return None
        viewpoint = viewpoint_of(getattr(self.scope.current, "role", None), self.request.GET.get("as", ""))
        return shown_on(self.request.path, slug, viewpoint, self.openable)

    @property
    def has_picker(self) -> bool:
        """Whether the page can be narrowed to a team, project, model, environment."""
        return picker.is_shown(self.request.path)

    @property
    def picked(self) -> str:
        """What the page is narrowed to, in words for the picker's button."""
        return picker.words(self.request.GET)

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

    def may(self, permission: Permission) -> bool:
        """Whether the person may open what asks for `permission`; roles are those in the chosen organization."""
        if permission == EVERYBODY:
            return True
        if isinstance(permission, str):
            self.scope.share_roles()
            admin = self._site._registry.get(apps.get_model(permission))
            return admin is not None and admin.has_view_permission(self.request)
        return getattr(self.user, "is_superuser", False) or getattr(self.scope.current, "role", None) in permission
