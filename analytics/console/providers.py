"""Providers: how each one is doing in the requests that one sees. The ledger is not read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers.health import FAILURES, Health
from analytics.answers.questions import Questions
from analytics.answers.realtime import health_now
from analytics.console.cards import rows
from analytics.console.questions import attempt
from analytics.console.realtime import STATES, TOKENS
from gateway.console import ConsoleSite
from gateway.console.scope import frame, may_administer, person
from gateway.models import Organization, Provider

SHOWN = 50
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Card:
    """One provider; `health` None: switched off, or nobody knows. `failures_url`: the requests of its last failure."""

    provider: Provider
    health: Health | None
    tone: str
    state: str
    failures_url: str = ""

    @property
    def p95(self) -> float | None:
        return self.health.p95 if self.health else None

    @property
    def availability(self) -> list[tuple[str, float | None]]:
        found: Any = self.health
        return [(label, getattr(found, name, None)) for label, name in SPANS]


SPANS = (("1 h", "availability_1h"), ("24 h", "availability_24h"), ("30 d", "availability_30d"))


@require_safe
def provider_board(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Every provider with state, availability, p95 and last failure. Two queries; seven more every ten seconds."""
    context, organization = frame(request, site, "Providers")
    user = person(request)
    providers = Provider.objects.visible_to(user).filter(Q(organization=organization) | Q(organization=None))[:SHOWN]
    found = attempt("provider health", lambda: health_now(Questions(user, organization), timezone.now())) or []
    known = {health.id: health for health in found}
    context |= {
        "board": [_card(provider, known.get(provider.pk), organization) for provider in providers],
        "may_change": may_administer(request, organization),
    }
    return render(request, "console/providers.html", context)


def _card(provider: Provider, health: Health | None, organization: Organization) -> Card:
    state = health.state if health else "unknown"
    url = ""
    if health and health.last_error:
        at = health.last_error.at
        filters = {"provider": (provider.slug,), "status": tuple(sorted(FAILURES))}
        url = rows.bucket_url(organization.slug, at.isoformat(), (at + QUARTER).isoformat(), filters)
    return Card(provider, health, TOKENS[state], STATES[state], url)
