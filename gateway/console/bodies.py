"""Logged bodies: whose are kept and for how long, and who read them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame
from gateway.models import AuditEvent, BodyPolicy, LoggedBody

SHOWN = 100
VERBS = ("bodies.read", "bodies.erase")


@require_safe
def body_log(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Policies, how many bodies are kept, and the newest readings. Four queries."""
    context, organization = frame(request, site, "Body access")
    policies = BodyPolicy.objects.visible_to(request.user).filter(organization=organization).select_related("project")
    events = AuditEvent.objects.visible_to(request.user).filter(organization=organization, verb__in=VERBS)
    events = events.select_related("actor").order_by("-at", "-id")
    context |= {
        "policies": policies,
        "kept": LoggedBody.objects.filter(organization=organization.pk).count(),
        "readings": [{"event": event, **_read(event.after or {})} for event in events[:SHOWN]],
    }
    return render(request, "console/bodies.html", context)


def _read(after: dict[str, Any]) -> dict[str, Any]:
    """One request, or how many for what."""
    return {"request_id": after.get("request_id", ""), "count": after.get("count", 0), "purpose": after.get("purpose")}
