"""The feed, one anomaly, and the answer to its buttons."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from analytics.anomalies import wording
from analytics.anomalies.models import Anomaly, AnomalyScan
from analytics.anomalies.services import set_state
from analytics.answers.anomalies import recommendations
from analytics.console import format
from analytics.console.anomalies import shown
from gateway.choices import Role
from gateway.console import ConsoleSite
from gateway.console.scope import actor, frame, organization_of
from gateway.models import Organization
from gateway.services.errors import ServiceError

JUDGES = frozenset({Role.OWNER, Role.ADMIN, Role.ANALYST, Role.MANAGER})
PER_PAGE = 25
VIEWS = {
    "": ("Unsettled", ("open", "acknowledged")),
    "expected": ("Expected", ("expected",)),
    "false": ("Not anomalies", ("false",)),
    "all": ("All", ("open", "acknowledged", "expected", "false")),
}
ON_HOME = 3


@require_safe
def anomalies(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The feed, newest first."""
    context = {**site.each_context(request), "title": "Anomalies"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    asked = request.GET.get("view", "")
    view = asked if asked in VIEWS else ""
    label, states = VIEWS[view]
    rows = Anomaly.objects.visible_to(request.user).filter(organization=organization, state__in=states).defer("chart")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    found = list(page.object_list)
    names = wording.names_of(organization, {(row.dimension, row.value) for row in found})
    scan = AnomalyScan.objects.defer("frame").filter(organization=organization).first()
    zone = organization.reporting_timezone
    context |= {
        "rows": [shown.show(row, names, zone) for row in found], "page": page, "view": view, "label": label,
        "tabs": [{"value": name, "label": words} for name, (words, _) in VIEWS.items()], "zone": zone,
        "scan": scan, "advice": recommendations([row for row in found if row.state == "open"], organization),
        "scanned": format.local(scan.scanned_until, zone) if scan and scan.scanned_until else None,
    }  # fmt: skip
    return render(request, "console/anomalies.html", context)


@require_safe
def anomaly(request: HttpRequest, site: ConsoleSite, anomaly_id: UUID) -> HttpResponse:
    """Chart, causes, effects, series, feedback."""
    context, organization = frame(request, site, "Anomaly")
    row = _found(request, organization, anomaly_id)
    zone = organization.reporting_timezone
    scopes = {(row.dimension, row.value), *((each["dimension"], each["value"]) for each in row.members)}
    names = wording.names_of(organization, scopes)
    context |= {
        "shown": shown.show(row, names, zone), "row": row, "zone": zone, "chart": shown.card(row, names, zone),
        "effects": shown.effects(row),
        "change": format.signed_money(Decimal(row.effects.get("change") or 0), row.currency),
        "rows_url": shown.rows_url(row), "may_judge": _may_judge(request, organization),
        "members": [
            {
                "title": shown.NAMES.get(each["metric"], each["metric"]),
                "scope": wording.called((each["dimension"], each["value"]), names),
                "actual": wording.value_words(each["metric"], each["actual"], row.currency),
                "expected": wording.value_words(each["metric"], each["expected"], row.currency),
                "hours": each["hours"],
            }
            for each in row.members
        ],
        "said_at": format.local(row.state_at, zone) if row.state_at else None,
    }  # fmt: skip
    return render(request, "console/anomaly.html", context)


@require_POST
def anomaly_state(request: HttpRequest, site: ConsoleSite, anomaly_id: UUID) -> HttpResponse:
    """What the person says of it."""
    organization = organization_of(site.each_context(request))
    row = _found(request, organization, anomaly_id)
    if not _may_judge(request, organization):
        raise PermissionDenied
    state = request.POST.get("state", "")
    try:
        changed = set_state(
            anomaly=row, actor=actor(request), state=state, feedback=request.POST.get("feedback", "").replace("\0", "")
        )
        messages.success(request, f"Noted: {shown.STATE_WORDS[changed.state].lower()}.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect(reverse("admin:anomaly", args=[anomaly_id]))


def count_open(user: Any, organization: Organization) -> int:
    """How many anomalies that the person sees are open."""
    found: int = _open(user, organization).count()
    return found


def newest_open(user: Any, organization: Organization, metric: str = "") -> dict[str, Any] | None:
    """What the home page says: the newest open anomalies (of one metric) and how many there are; None without any. Two
    queries at most, and one for each dimension of ids among them."""
    rows = _open(user, organization).defer("chart")
    rows = rows.filter(metric=metric) if metric else rows
    first = list(rows[: ON_HOME + 1])
    if not first:
        return None
    count = len(first) if len(first) <= ON_HOME else rows.count()
    names = wording.names_of(organization, {(row.dimension, row.value) for row in first})
    zone = organization.reporting_timezone
    return {"count": count, "rows": [shown.show(row, names, zone) for row in first[:ON_HOME]]}


def _open(user: Any, organization: Organization) -> Any:
    return Anomaly.objects.visible_to(user).filter(organization=organization, state="open")


def _found(request: HttpRequest, organization: Organization, anomaly_id: UUID) -> Anomaly:
    rows: Any = Anomaly.objects.visible_to(request.user).select_related("organization", "state_by")
    row: Anomaly | None = rows.filter(organization=organization, pk=anomaly_id).first()
    if row is None:
        raise Http404
    return row


def _may_judge(request: HttpRequest, organization: Organization) -> bool:
    user: Any = request.user
    return bool(user.is_superuser or getattr(organization, "role", None) in JUDGES)
