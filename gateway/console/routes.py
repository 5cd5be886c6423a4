"""Routes: the list, the editor with targets as rows, and the page that shows where a call would go."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from gateway.console import simulation
from gateway.console.parts import Pair, Tab
from gateway.console.registry import ConsoleSite
from gateway.console.routeform import RouteEditor, TargetRow, offered
from gateway.console.scope import frame, may_administer, person
from gateway.forms import Readable
from gateway.models import Organization, Route, RouteTarget
from gateway.services import routing
from gateway.services.errors import ServiceError

SHOWN = 200
TARGETS = Prefetch("targets", RouteTarget.objects.select_related("model__provider"))


@require_safe
def route_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Every alias with its targets in order, strategy and options. Two queries."""
    context, organization = frame(request, site, "Routes")
    rows = _visible(request, organization)[:SHOWN]
    context |= {"rows": [_row(route) for route in rows], "may_change": may_administer(request, organization)}
    return render(request, "console/routes.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def route_add(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The editor of a new alias."""
    context, organization = frame(request, site, "Add route")
    if not may_administer(request, organization):
        raise PermissionDenied
    editor = RouteEditor(person(request), organization, None, request.POST if request.method == "POST" else None)
    return _edited(request, context, editor)


@require_http_methods(["GET", "HEAD", "POST"])
def route_page(request: HttpRequest, site: ConsoleSite, route_id: UUID) -> HttpResponse:
    """One route: the editor for who may change it, else its settings."""
    context, organization = frame(request, site, "Route")
    route = get_object_or_404(_visible(request, organization), pk=route_id)
    context |= {"title": route.alias, "tabs": _tabs(request, organization, route, "route"), **_row(route)}
    if _may_change(request, organization, route):
        data = request.POST if request.method == "POST" else None
        return _edited(request, context, RouteEditor(person(request), route.organization, route, data))
    if request.method == "POST":
        raise PermissionDenied
    context |= {"pairs": _pairs(route), "config": Readable().encode(route.config) if route.config else ""}
    return render(request, "console/route.html", context)


@require_safe
def target_row(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """An empty row for the editor, to be put behind the others. `route`: whose models it offers."""
    context, organization = frame(request, site, "Target")
    if not may_administer(request, organization):
        raise PermissionDenied
    owner: Organization | None = None if request.GET.get("platform") else organization
    context |= {"row": TargetRow(), "models": offered(person(request), owner)}
    return render(request, "console/routes/target.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def route_simulate(request: HttpRequest, site: ConsoleSite, route_id: UUID) -> HttpResponse:
    """Where a call to the alias would go (POST decides for the sample), by the data plane's own code."""
    context, organization = frame(request, site, "Simulate")
    route = get_object_or_404(_visible(request, organization), pk=route_id)
    if not may_administer(request, organization):
        raise PermissionDenied
    form = simulation.SampleForm(request.POST or None, user=person(request), organization=organization)
    context |= {
        "title": route.alias,
        "tabs": _tabs(request, organization, route, "simulate"),
        "form": form,
        **_row(route),
    }
    if request.method != "POST" or form.is_valid():
        try:
            context["outcome"] = simulation.told(routing.simulate(route, organization, form.sample()))
        except ServiceError as error:
            _show(error, form, context)
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, "console/routes/simulation.html" if is_part else "console/route_simulate.html", context)


def _show(error: ServiceError, form: simulation.SampleForm, context: dict[str, Any]) -> None:
    """Beside the field it is about; what is wrong with the route itself stands above."""
    if form.is_bound and error.field in form.fields:
        form.add_error(error.field, error.message)
    else:
        context["refusal"] = f"{error.field}: {error.message}" if error.field else error.message


def _edited(request: HttpRequest, context: dict[str, Any], editor: RouteEditor) -> HttpResponse:
    if request.method == "POST":
        if "more" in request.POST:
            editor.rows.append(TargetRow())
        elif (saved := editor.save(person(request))) is not None:
            messages.success(request, f"The route {saved.alias} is saved; it is in force within two seconds.")
            return redirect("admin:route", route_id=saved.pk)
    return render(request, "console/route.html", context | {"editor": editor})


def _visible(request: HttpRequest, organization: Organization) -> QuerySet[Route]:
    rows: Any = Route.objects.visible_to(person(request))
    return rows.filter(Q(organization=organization) | Q(organization=None)).prefetch_related(TARGETS)


def _may_change(request: HttpRequest, organization: Organization, route: Route) -> bool:
    """A platform-wide route is the superusers'."""
    is_own = route.organization_id is not None and may_administer(request, organization)
    return is_own or person(request).is_superuser


def _tabs(request: HttpRequest, organization: Organization, route: Route, current: str) -> list[Tab]:
    if not may_administer(request, organization):
        return []
    places = (("route", "Route", "admin:route"), ("simulate", "Simulate", "admin:route_simulate"))
    return [Tab(label, reverse(name, args=[route.pk]), key == current) for key, label, name in places]


def _row(route: Route) -> dict[str, Any]:
    rules = route.config.get("rules") if isinstance(route.config, dict) else None
    return {
        "route": route,
        "targets": list(route.targets.all()),
        "rules": len(rules) if isinstance(rules, list) else 0,
        "options": _options(route),
    }


def _options(route: Route) -> list[str]:
    """What differs from a plain route, in a few words each."""
    found = {
        f"{route.retries} {'retry' if route.retries == 1 else 'retries'}": route.retries,
        f"deadline {route.deadline_ms or 0:,} ms": route.deadline_ms,
        f"hedged after {route.hedge_after_ms or 0:,} ms": route.hedge_after_ms,
        f"at most {route.output_cap or 0:,} output tokens": route.output_cap,
        "drops what cannot be expressed": route.drop_unsupported,
    }
    return [words for words, value in found.items() if value]


def _pairs(route: Route) -> list[Pair]:
    return [
        Pair("Strategy", f"{route.strategy}: {route.get_strategy_display().lower()}"),
        Pair("State", "On" if route.is_enabled else "Off"),
        Pair("Options", ", ".join(_options(route)) or "none"),
        Pair("Whose", str(route.organization) if route.organization_id else "the platform's, for every organization"),
    ]
