"""Providers: how each one is doing in the organization's own traffic, and a real call to try it."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer
from gateway.models import Provider
from gateway.services import upstreams

TONES = {"up": "ok", "degraded": "warn", "down": "bad", "circuit_open": "bad", "unknown": ""}
SHOWN = 50


@require_safe
def provider_board(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Every enabled provider with state, availability, p95 and last error. Two queries a provider."""
    context, organization = frame(request, site, "Providers")
    rows = Provider.objects.visible_to(request.user).filter(Q(organization=organization) | Q(organization=None))
    board = [_card(provider, organization) for provider in rows[:SHOWN]]
    context |= {"board": board, "may_change": may_administer(request, organization)}
    return render(request, "console/providers.html", context)


@require_POST
def provider_test(request: HttpRequest, site: ConsoleSite, provider_id: UUID) -> HttpResponse:
    """One real call to the provider's list of models; answers a fragment."""
    context, organization = frame(request, site, "Test")
    if not may_administer(request, organization):
        raise PermissionDenied
    rows = Provider.objects.visible_to(request.user).filter(Q(organization=organization) | Q(organization=None))
    listing = upstreams.list_models(get_object_or_404(rows, pk=provider_id))
    return render(request, "console/providers/tested.html", {**context, "listing": listing})


def _card(provider: Provider, organization: Any) -> dict[str, Any]:
    health = upstreams.health(provider, organization)
    shares = (
        ("1 h", health.availability_1h), ("24 h", health.availability_24h), ("30 d", health.availability_30d),
    )  # fmt: skip
    return {
        "provider": provider,
        "health": health,
        "tone": TONES.get(health.state, ""),
        "state": health.state.replace("_", " ").capitalize(),
        "availability": shares,
    }
