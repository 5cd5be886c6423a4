"""The explorer's pages: the list, its live rows, a filter's values, one request, its bodies."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from analytics.console import ledger, saved
from analytics.console.explorer import builtin, columns, copying, facets, listing
from analytics.console.explorer.filters import COUNTED, Filters
from analytics.console.explorer.names import LABELS
from analytics.console.explorer.state import read_state
from analytics.console.periods import LABELS as RANGES
from analytics.console.questions import Questions, attempt
from gateway.console import ConsoleSite
from gateway.console.scope import may_administer, organization_of, person
from gateway.models import LoggedBody
from gateway.services import bodies
from gateway.services.errors import ServiceError

FIRST_FACETS = ("model", "provider", "project", "team", "api_key", "user", "error_type")
LIVE_S = 3


@require_safe
def requests(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The list; a pasted request id leads straight to its page."""
    context = site.each_context(request) | {"title": "Requests"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    user, wanted = person(request), request.GET.get("q", "").strip().replace("\0", "")[:128]
    if wanted and ledger.exists(user, wanted, organization):
        return redirect("admin:request", wanted)
    state = read_state(request, organization)
    questions = Questions(user, organization, state.period)
    built_in = builtin.built_in(state, attempt("thresholds", lambda: facets.thresholds(questions)))
    context |= {
        "page": attempt("requests", lambda: listing.page(user, state, request.GET)),
        "is_filtered": state.filters != Filters(),
        "organization": organization, "period": state.period, "ranges": RANGES.items(), "state": state,
        "wanted": wanted, "choices": columns.choices(state.columns), "live_s": LIVE_S,
        "overview": attempt("request counts", lambda: facets.overview(questions, state)),
        "chips": attempt("filter chips", lambda: facets.chips(questions, state)) or [],
        "facets": [(name, LABELS[name]) for name in FIRST_FACETS],
        "more_facets": [(name, LABELS[name]) for name in COUNTED if name not in (*FIRST_FACETS, "status")],
        "views": saved.bar(user, organization, "requests", state.saved_text, built_in),
        "gateway_url": f"{django_settings.CONSOLE_URL}/v1",
    }  # fmt: skip
    return render(request, "console/requests.html", context)


@require_safe
def tail(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The rows of the first page, while the list is live; 304 while nothing is new. Weak ETag over ids and columns."""
    organization = organization_of(site.each_context(request))
    state, user = read_state(request, organization), person(request)
    try:
        lines = listing.newest(user, state)
    except listing.TooWide:
        return HttpResponse(status=204)
    etag = f'W/"{listing.tag_of(state, lines)}"'
    if request.headers.get("If-None-Match") == etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        rows = listing.rows_of(user, state, lines)
        response = render(request, "console/requests/table_rows.html", {"rows": rows, "state": state})
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
def facet(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The values of one filter with their counts, for its menu."""
    organization = organization_of(site.each_context(request))
    dimension = request.GET.get("dimension", "")
    if dimension not in COUNTED:
        raise Http404("no such filter")
    state = read_state(request, organization)
    questions = Questions(person(request), organization, state.period)
    values = attempt("filter values", lambda: facets.values(questions, state, dimension))
    context = {"values": values, "label": LABELS[dimension], "is_partial": not state.filters.is_countable}
    return render(request, "console/requests/facet.html", context)


@require_safe
def request_detail(request: HttpRequest, site: ConsoleSite, request_id: str) -> HttpResponse:
    """Everything the ledger knows about one request; with `?part=drawer` for the drawer."""
    context = site.each_context(request)
    organization = context["console"].scope.current
    zone = organization.reporting_timezone if organization else "UTC"
    found = ledger.detail(person(request), request_id, organization, zone)
    if found is None:
        raise Http404
    context |= {
        "title": "Request", "detail": found, "zone": zone, "has_bodies": _has_bodies(request, found),
        "samples": copying.samples(found.final.line, f"{django_settings.CONSOLE_URL}/v1"),
    }  # fmt: skip
    is_part = request.GET.get("part") == "drawer"
    return render(request, "console/requests/drawer.html" if is_part else "console/request.html", context)


@require_POST
def request_bodies(request: HttpRequest, site: ConsoleSite, request_id: str) -> HttpResponse:
    """The redacted bodies that are kept of a request, for administrators; the reading is an audit event."""
    organization = organization_of(site.each_context(request))
    if not ledger.exists(person(request), request_id):
        raise Http404
    try:
        found = bodies.read_bodies(organization=organization, request_id=request_id, actor=person(request))
    except ServiceError as error:
        return render(request, "console/requests/bodies.html", {"refusal": error.message})
    return render(request, "console/requests/bodies.html", {"bodies": found})


def _has_bodies(request: HttpRequest, found: ledger.RequestDetail) -> bool:
    """Whether bodies are kept and the person may read them. One query at most."""
    context: Any = request
    console = context.console_context
    current = console.scope.current
    if current is None or current.pk != found.organization.pk or not may_administer(request, current):
        return False
    return LoggedBody.objects.filter(organization=current.pk, request_id=found.request_id).exists()
