"""Guardrails: what is in force, what it found, and a box to try one on a text."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from gateway.console.parts import Pair
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer
from gateway.models import Guardrail, SecurityEvent
from gateway.services import guardrails
from gateway.services.errors import ServiceError

COUNTED = timedelta(days=7)
TONES = {"block": "bad", "redact": "warn", "flag": ""}


class TryForm(forms.Form):
    """A text to try; it is not stored."""

    text = forms.CharField(
        max_length=100_000, strip=False, widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text="Nothing of it is stored or sent anywhere.",
    )  # fmt: skip


@require_safe
def guardrail_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Every guardrail of the organization, in the order they run, with what it found in seven days. Two queries."""
    context, organization = frame(request, site, "Guardrails")
    rows = Guardrail.objects.visible_to(request.user).filter(organization=organization).select_related("project")
    hits = _hits(organization.pk)
    context |= {
        "rows": [{"rail": rail, "hits": hits.get(rail.pk, 0), "tone": TONES[rail.action]} for rail in rows],
        "may_change": may_administer(request, organization),
    }
    return render(request, "console/guardrails.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def guardrail_page(request: HttpRequest, site: ConsoleSite, guardrail_id: UUID) -> HttpResponse:
    """One guardrail: its settings, what it found by kind, and the test box (POST shows the outcome)."""
    context, organization = frame(request, site, "Guardrail")
    rows = Guardrail.objects.visible_to(request.user).filter(organization=organization).select_related("project")
    rail = get_object_or_404(rows, pk=guardrail_id)
    form = TryForm(request.POST if request.method == "POST" else None)
    context |= {
        "title": rail.name,
        "rail": rail,
        "tone": TONES[rail.action],
        "pairs": _pairs(rail),
        "found": _found(rail),
        "form": form,
        "may_change": may_administer(request, organization),
    }
    if request.method == "POST" and form.is_valid():
        context |= _outcome(rail, form.cleaned_data["text"])
    return render(request, "console/guardrail.html", context)


def _outcome(rail: Guardrail, text: str) -> dict[str, Any]:
    try:
        trial = guardrails.try_guardrail(guardrail=rail, text=text)
    except ServiceError as error:
        return {"refusal": error.message}
    findings = [{"what": one.what, "text": text[one.start : one.end]} for one in trial.findings]
    return {"trial": trial, "findings": findings}


def _hits(organization: UUID) -> dict[UUID | None, int]:
    rows = SecurityEvent.objects.filter(
        organization=organization, kind="guardrail", at__gte=timezone.now() - COUNTED
    ).values("guardrail")
    return {row["guardrail"]: row["total"] for row in rows.annotate(total=Sum("count"))}


def _found(rail: Guardrail) -> list[Any]:
    """`{details, action, total}` of each kind of finding, most first."""
    rows = SecurityEvent.objects.filter(
        organization=rail.organization_id, kind="guardrail", guardrail=rail.pk, at__gte=timezone.now() - COUNTED
    ).values("details", "action")
    return list(rows.annotate(total=Sum("count")).order_by("-total")[:50])


def _pairs(rail: Guardrail) -> list[Pair]:
    config = [Pair(name, _shown(value), is_code=name in ("url", "schema")) for name, value in rail.config.items()]
    return [
        Pair("Looks for", rail.get_kind_display()),
        Pair("Direction", rail.get_direction_display()),
        Pair("Project", str(rail.project) if rail.project else "all"),
        Pair("Position", str(rail.position)),
        *config,
    ]


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value[:20])) + (f" and {len(value) - 20} more" if len(value) > 20 else "")
    return str(value)[:500]
