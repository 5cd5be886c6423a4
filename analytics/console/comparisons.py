"""The page of the nightly comparisons of ledger and figures. Samples name organizations: for superusers alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.console import format
from analytics.models import Reconciliation
from analytics.reconciliation import latest_reconciliations
from gateway.console import ConsoleSite

MOST = 60
WORDS = {
    "ok": ("ok", "The figures equal the ledger"),
    "differs": ("bad", "The figures differ from the ledger"),
    "failed": ("warn", "The newest comparison broke off"),
    "late": ("warn", "No comparison for two days"),
    "never": ("", "Not compared yet"),
}
REMEDY = {
    "differs": "Each cube is listed with what it says and what the ledger says.",
    "failed": "It is tried again the next night.",
    "late": "The background process makes one each night; see whether it runs.",
    "never": "The background process makes one each night.",
}


@dataclass(frozen=True, slots=True)
class Night:
    """One comparison, in words."""

    at: datetime
    took: str
    lines: str
    cost: str
    differences: str
    tone: str
    sample: list[str]


@require_safe
def comparisons(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """How things stand, and the last nights. Two queries."""
    report = latest_reconciliations(MOST)
    tone, words = WORDS[report.state]
    context = site.each_context(request) | {
        "title": "Reconciliation", "tone": tone, "words": words, "remedy": REMEDY.get(report.state, ""),
        "error": report.error, "nights": [_night(result) for result in report.results],
    }  # fmt: skip
    return render(request, "console/comparisons.html", context)


def _night(result: Reconciliation) -> Night:
    return Night(
        at=result.finished_at,
        took=format.duration((result.finished_at - result.started_at).total_seconds() * 1000),
        lines=format.number(result.lines),
        cost=f"{result.cost.normalize():,f}",
        differences=format.number(result.differences),
        tone="bad" if result.differences else "ok",
        sample=[str(item) for item in result.sample],
    )
