"""The Usage page and the CSV of its cards."""

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
from analytics.console.cards import Card
from analytics.console.downloads import card_csv
from analytics.console.periods import LABELS, read_period
from analytics.console.questions import Questions, answered, attempt
from analytics.console.saved import View
from analytics.console.usage import choices, groups, heat, series
from analytics.console.usage.state import State, read_state
from gateway.console import ConsoleSite
from gateway.models import Organization, User

PAGE = "admin:usage"


@require_safe
def usage(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page; `?add=<dimension>&value=` puts a filter into the address and comes back."""
    context = {**site.each_context(request), "title": "Usage"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    questions, state = opened(request, organization)
    if "add" in request.GET:
        return redirect(state.url(reverse(PAGE)))
    context |= controls(questions, state)
    context["views"] = saved.bar(questions.user, organization, "usage", state.saved_text, _built_in(state))
    content, context["problem"] = answered("usage", lambda: _content(questions, state))
    return render(request, "console/usage.html", context | (content or {"failed": not context["problem"]}))


@require_safe
def usage_csv(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """What the card `series`, `groups` or `heat` of the page with the same address shows, as CSV."""
    name = request.GET.get("card", "")
    return card_csv(request, site, lambda organization: _card(*opened(request, organization), name))


def opened(request: HttpRequest, organization: Organization) -> tuple[Questions, State]:
    """Whose page it is and what its address says."""
    assert isinstance(request.user, User)
    period = read_period(request.GET, timezone.now(), organization.reporting_timezone)
    return Questions(request.user, organization, period), read_state(request.GET, period, organization.slug)


def controls(questions: Questions, state: State) -> dict[str, Any]:
    """What the head and the filters of such a page show."""
    return {
        "organization": questions.organization,
        "period": state.period,
        "ranges": LABELS.items(),
        "state": state,
        "choices": choices.of(questions, state),
        "chips": attempt("filters", lambda: choices.chips(questions, state)) or [],
        "gateway_url": f"{settings.CONSOLE_URL}/v1",
    }


def _built_in(state: State) -> list[View]:
    """Of the window and under the filters on the page."""
    plain = State(state.period, state.organization, filters=state.filters)
    found = {
        "Cost by model": plain, "Cost by team": replace(plain, by="team"),
        "Tokens by key": replace(plain, measure="total_tokens", by="api_key"),
        "Errors by type": replace(plain, measure="errors", by="error_type"),
        "When": replace(plain, measure="requests", view="heat"),
    }  # fmt: skip
    return [View(name, each.url(), each == state) for name, each in found.items()]


def _content(questions: Questions, state: State) -> dict[str, Any]:
    now = timezone.now()
    if state.view == "heat":
        grid = heat.load(questions, state, now, _csv_url(state, "heat"))
        return {"heat": grid}
    found = series.load(questions, state, now)
    totals = found.result.totals
    content: dict[str, Any] = {"is_empty": not totals.get("requests") and not totals.get(state.measure)}
    if content["is_empty"]:
        return content
    content["card"] = series.card(found, id="usage", csv_url=_csv_url(state, "series"))
    if state.by:
        content["groups"] = groups.build(found, _csv_url(state, "groups"))
    return content


def _card(questions: Questions, state: State, name: str) -> Card | None:
    now = timezone.now()
    if name == "heat":
        return heat.load(questions, state, now, "").card
    if name not in ("series", "groups") or (name == "groups" and not state.by):
        return None
    found = series.load(questions, state, now)
    return groups.build(found, "").card if name == "groups" else series.card(found, id="usage", csv_url="")


def _csv_url(state: State, card: str) -> str:
    return f"{reverse('admin:usage_csv')}?{urlencode([*state.query, ('card', card)])}"
