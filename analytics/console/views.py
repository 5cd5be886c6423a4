"""Console pages. Each view gathers, renders, and answers a fragment of itself when htmx asks for one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotModified
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from analytics.alerts.openings import open_alerts
from analytics.console import checklist, ledger
from analytics.console import home as home_data
from analytics.console.anomalies.views import count_open, newest_open
from analytics.console.organization import Scope
from analytics.console.periods import LABELS, read_period
from analytics.console.questions import answered
from analytics.console.status import SeedProgress
from analytics.console.usage import choices
from analytics.console.usage.state import COMPARISONS, State, read_state
from gateway.console import providers
from gateway.models import User

if TYPE_CHECKING:
    from analytics.console.site import ConsoleSite

OWN_APPS = ("gateway", "costs", "analytics", "finetuning")


@require_safe
def home(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The home page; with `?part=kpis` the strip alone."""
    context = site.each_context(request)
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", {**context, "title": "Home"})
    period = read_period(request.GET, timezone.now(), organization.reporting_timezone)
    context |= {"title": "Home", "organization": organization, "period": period, "ranges": LABELS.items()}
    questions = home_data.Questions(_user(request), organization, period)
    state = read_state(request.GET, period, organization.slug)
    context |= {"state": state, "comparisons": COMPARISONS.items()}
    context["kpis"], context["problem"] = answered("kpis", lambda: home_data.load_kpis(questions, state))
    if request.GET.get("part") == "kpis":
        return render(request, "console/home/kpis.html", context)
    is_empty = context["kpis"] is not None and context["kpis"].is_empty
    context |= _home_body(context["console"].scope, questions, state, is_empty=is_empty)
    return render(request, "console/home.html", context)


def _home_body(scope: Scope, questions: home_data.Questions, state: State, *, is_empty: bool) -> dict[str, Any]:
    user, organization, period = questions.user, questions.organization, questions.period
    recent = partial(ledger.recent_lines, user, organization, timezone.now(), sees_all=scope.sees_all)
    lines = home_data.attempt("recent", recent)
    names = home_data.attempt("names", lambda: ledger.project_names(user, organization=organization)) or {}
    body: dict[str, Any] = {"rows_url": state.rows_url(), "recent": None}
    if lines is not None:
        body["recent"] = ledger.rows_of(lines, names, period.zone)
        body["recent_tag"] = ledger.fingerprint(lines, period.zone)
        body["is_behind"] = (
            is_empty and not state.filters and any(period.start <= line.started_at < period.end for line in lines)
        )
    if lines == []:
        body["checklist"] = checklist.first_steps(user, organization)
        body["gateway_url"] = f"{django_settings.CONSOLE_URL}/v1"
        body |= checklist.commands(organization.slug)
    elif not is_empty:
        body["chips"] = home_data.attempt("filters", lambda: choices.chips(questions, state)) or []
        body["chart"], body["chart_problem"] = answered(
            "cost chart", lambda: home_data.load_cost_chart(questions, state)
        )
        body["alerts"] = home_data.attempt("alerts", lambda: open_alerts(user, organization))
        body["anomalies"] = home_data.attempt("anomalies", lambda: newest_open(user, organization))
        body["parts"] = [part for provider in providers() for part in provider.home_parts]
        body["projects"], body["projects_problem"] = answered(
            "projects", lambda: home_data.load_projects(questions, state, names)
        )
    else:
        body["chips"] = home_data.attempt("filters", lambda: choices.chips(questions, state)) or []
    return body


@require_safe
def recent_requests(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The live table of the home page; 304 while nothing is new. Weak ETag over ids, organization and zone."""
    scope = site.each_context(request)["console"].scope
    organization = scope.current
    if organization is None:
        raise Http404
    user, zone = _user(request), organization.reporting_timezone
    lines = ledger.recent_lines(user, organization, timezone.now(), sees_all=scope.sees_all)
    etag = f'W/"{ledger.fingerprint(lines, zone)}"'
    if request.headers.get("If-None-Match") == etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        rows = ledger.rows_of(lines, ledger.project_names(user, lines), zone)
        response = render(request, "console/requests/rows.html", {"rows": rows})
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
def settings(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Every model page the person may open, by application."""
    context = site.each_context(request)
    context |= {"title": "Settings", "apps": sorted(site.get_app_list(request), key=_own_apps_first)}
    return render(request, "console/settings.html", context)


@require_safe
def system_status(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The status dot, refreshed while the page is open."""
    return render(request, "console/frame/status.html", site.each_context(request))


@require_safe
def openings(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """How many alerts fire and how many anomalies are open, for the header of every page. Two statements."""
    context = site.each_context(request)
    organization = context["console"].scope.current
    if organization is not None:
        user = _user(request)
        context["firing"] = open_alerts(user, organization)
        context["anomalies"] = count_open(user, organization)
    return render(request, "console/frame/openings.html", context)


@require_safe
def demo_progress(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The banner while the demo history is being built; when it is complete the banner goes and the page reloads."""
    context = site.each_context(request)
    progress: SeedProgress | None = context["console"].seed
    response = render(request, "console/frame/seed_banner.html", context)
    if progress is None:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def set_theme(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Remember the person's theme."""
    theme, user = request.POST.get("theme", ""), _user(request)
    if theme not in {value for value, _ in User._meta.get_field("theme").choices or ()}:
        return HttpResponseBadRequest("theme must be auto, light or dark")
    User.objects.filter(pk=user.pk).update(theme=theme)
    return HttpResponse(status=204)


@require_POST
def set_shortcuts(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Switch the person's single-key shortcuts on (`enabled=1`) or off."""
    User.objects.filter(pk=_user(request).pk).update(shortcuts_enabled=request.POST.get("enabled") == "1")
    return HttpResponse(status=204)


def _own_apps_first(app: dict[str, Any]) -> tuple[bool, str]:
    return app["app_label"] not in OWN_APPS, app["name"].lower()


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
