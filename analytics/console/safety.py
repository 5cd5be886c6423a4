"""Security: a score with its sum, incidents, what is odd about keys, refusals by day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers.questions import Questions
from analytics.answers.security import security
from analytics.console.periods import LABELS, read_period
from analytics.console.usage.views import answered
from analytics.query import Query
from analytics.security.incidents import Incident
from gateway.console import ConsoleSite
from gateway.console.scope import frame, person
from gateway.models import Organization

FINDINGS = {
    "unused": "Unused", "old": "Old", "over_permitted": "May too much", "unusual_ip": "New address",
    "unusual_hour": "Unusual hour", "unusual_model": "New model",
}  # fmt: skip
GOOD, FAIR = 90, 70
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@require_safe
def security_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page."""
    context, organization = frame(request, site, "Security")
    period = read_period(request.GET, timezone.now(), organization.reporting_timezone)
    questions = Questions(person(request), organization)
    query = Query(measures=(), start=period.start, end=period.end, organization=organization)
    found, problem = answered("security", lambda: _content(security(questions, query), organization))
    context |= {"period": period, "ranges": LABELS.items(), "problem": problem, "failed": found is None and not problem}
    return render(request, "console/security.html", context | (found or {}))


def _link(incident: Incident, organization: Organization) -> str:
    """The requests that it is about; the key's page where none were let in."""
    if incident.kind == "failed_auth":
        return reverse("admin:key", args=[incident.key])
    end = incident.last_at + HOUR if incident.kind in ("denied", "guardrail") else incident.detected_at + DAY
    query = {"organization": organization.slug, "start": f"{incident.detected_at:%Y-%m-%dT%H:%M:%SZ}",
             "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
    if incident.key:
        query["api_key"] = incident.key
    if incident.kind in ("denied", "guardrail"):
        query["status"] = "denied"
    return f"{reverse('admin:requests')}?{urlencode(query)}"


def _content(body: dict[str, Any], organization: Organization) -> dict[str, Any]:
    score = body["score"]
    tone = "" if score is None else "ok" if score >= GOOD else "warn" if score >= FAIR else "bad"
    return {
        "body": body,
        "score_tone": tone,
        "incidents": [(one, _link(one, organization)) for one in body["incidents"]],
        "findings": [(FINDINGS[one.finding], one) for one in body["key_findings"]],
        "days": [day for day in reversed(body["trend"]) if day.failed_auth or day.blocked or day.guardrail_hits],
        "notes": [note.message for note in body["notes"]],
    }
