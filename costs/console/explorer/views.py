"""The Explorer's page and the CSV of its table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.console import saved
from analytics.console.downloads import card_csv
from analytics.console.periods import read_period
from analytics.console.questions import Questions, answered
from analytics.console.saved import View
from analytics.console.usage import series
from analytics.console.usage.views import controls
from analytics.metrics import MEASURES
from costs.console.explorer import copying, table
from costs.console.explorer.state import LAYOUTS, OWN, ExplorerState, read_explorer
from costs.console.tabs import tabs
from gateway.console import ConsoleSite
from gateway.console.parts import Tab
from gateway.console.scope import person
from gateway.models import Organization

PAGE = "cost_explorer"


@require_safe
def explorer(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page; `?add=<dimension>&value=` puts a filter into the address and comes back."""
    context = {**site.each_context(request), "title": "Cost explorer"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    questions, state = opened(request, organization)
    if "add" in request.GET:
        return redirect(state.url(reverse(f"admin:{PAGE}")))
    context |= controls(questions, state) | _own(state)
    context["looks"] = [look for look in context["choices"].views if "view=heat" not in look.url]
    context["tabs"] = tabs(PAGE, request.GET)
    context["views"] = saved.bar(questions.user, organization, PAGE, state.saved_text, _built_in(state))
    content, context["problem"] = answered(PAGE, lambda: _content(questions, state))
    return render(request, "console/costs/explorer.html", context | (content or {"failed": not context["problem"]}))


@require_safe
def explorer_csv(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The table of the page with the same address, as CSV."""
    return card_csv(request, site, lambda organization: table.load(*opened(request, organization), ""))


def opened(request: HttpRequest, organization: Organization) -> tuple[Questions, ExplorerState]:
    """Whose page it is and what its address says."""
    period = read_period(request.GET, timezone.now(), organization.reporting_timezone, default="30d")
    state = read_explorer(request.GET, period, organization.slug)
    return Questions(person(request), organization, period), state


def _own(state: ExplorerState) -> dict[str, Any]:
    """The controls that Usage does not have."""
    layouts = [Tab(label, state.url(layout=name), state.layout == name) for name, label in LAYOUTS.items()]
    ours = {"measure", "by", "grain", "compare", "top", *OWN}
    return {
        "more_measures": [(name, declared.label, name in state.more) for name, declared in MEASURES.items()
                          if declared.format == "money" or name in ("requests", "total_tokens", "errors")],
        "is_named": bool(state.also) and not state.is_pivot,
        "layouts": layouts if len(state.by_both) == 2 else [],
        "carried": [pair for pair in state.query if pair[0] not in ours],
        "samples": copying.samples(state, settings.CONSOLE_URL),
    }  # fmt: skip


def _built_in(state: ExplorerState) -> list[View]:
    """Of the window and under the filters on the page."""
    plain = ExplorerState(state.period, state.organization, filters=state.filters)
    found = {
        "Cost by model": plain,
        "Teams by model": replace(plain, by="team", also="model"),
        "Parts of the cost": replace(plain, by="team", more=("input_cost", "output_cost", "cache_cost")),
        "Price per outcome": replace(
            plain, measure="cost_per_request", more=("cost_per_success", "cost_per_1k_tokens"), view="lines"
        ),
        "Waste": replace(plain, measure="failed_cost", more=("retry_cost", "requests"), by="provider"),
    }
    return [View(name, each.url(), each == state) for name, each in found.items()]


def _content(questions: Questions, state: ExplorerState) -> dict[str, Any]:
    """Raises QueryError."""
    found = series.load(questions, state, timezone.now())
    totals = found.result.totals
    if not totals.get("requests") and not totals.get(state.measure):
        return {"is_empty": True}
    csv_url = f"{reverse('admin:cost_explorer_csv')}?{urlencode(state.query)}"
    return {
        "card": None if state.shown_view == "table" else series.card(found, id="explorer", csv_url=""),
        "table": table.load(questions, state, csv_url),
    }
