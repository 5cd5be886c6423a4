"""The radar of last days: which models will be switched off, when, and what depends on them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers.questions import Questions
from analytics.console.format import compact, money, percent
from finetuning.answers.sunsets import Row, radar
from gateway.console import ConsoleSite
from gateway.console.scope import frame, person

STATES = {
    "off": ("Off", "bad"), "soon": ("Soon", "warn"), "later": ("Later", ""), "jobs_only": ("New jobs end", ""),
}  # fmt: skip


@require_safe
def sunset_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Models in use and tuned models that have a last day, the nearest first, with the traffic of 30 days."""
    context, organization = frame(request, site, "Sunset radar")
    rows = radar(Questions(person(request), organization), timezone.now())
    unrecorded = [row for row in rows if row.state in ("soon", "later") and row.golden_at is None]
    context |= {
        "rows": [_shown(row, organization.currency) for row in rows],
        "figures": [
            ("With a last day", str(len(rows)), "models in use or tuned here"),
            ("Off within 60 days", str(sum(row.state == "soon" for row in rows)), "and still answering"),
            ("Traffic at risk", percent(_at_risk(rows)), "of the requests of 30 days"),
            ("Without golden answers", str(len(unrecorded)), "and still answering"),
        ],
    }  # fmt: skip
    return render(request, "console/tuning/sunsets.html", context)


def _at_risk(rows: list[Row]) -> float | None:
    """Share of requests to models that will not answer; None without traffic."""
    shares = [row.share for row in rows if row.share is not None and row.state != "jobs_only"]
    return sum(shares) if shares else None


def _shown(row: Row, currency: str) -> dict[str, Any]:
    label, tone = STATES[row.state]
    days = row.days_left
    left = "" if days is None else f"{days} day{'' if days == 1 else 's'} left" if days > 0 else f"for {-days} days"
    return {
        "row": row, "state": label, "tone": tone, "left": left, "requests": compact(row.requests),
        "cost": money(row.cost, currency), "share": row.share or 0.0, "share_text": percent(row.share),
        "last_on": row.answers_until or row.new_jobs_until,
    }  # fmt: skip
