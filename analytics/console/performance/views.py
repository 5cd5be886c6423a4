"""The Performance page and the CSV of its cards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.console import saved
from analytics.console.cards import Card
from analytics.console.downloads import card_csv
from analytics.console.performance import board, models, percentiles
from analytics.console.performance.percentiles import RIBBONS
from analytics.console.questions import Questions, answered
from analytics.console.saved import View
from analytics.console.usage import series
from analytics.console.usage.state import State
from analytics.console.usage.views import controls, opened
from gateway.console import ConsoleSite

PAGE = "admin:performance"
ERRORS = "errors"
MODELS = "models"


@require_safe
def performance(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page; a part whose question has no answer under the filters says why, the others stay."""
    context = {**site.each_context(request), "title": "Performance"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    questions, state = opened(request, organization)
    if "add" in request.GET:
        return redirect(state.url(reverse(PAGE)))
    context |= controls(questions, state)
    plain = State(state.period, state.organization)
    built_in = [View("Everything", plain.url(), state == plain)]
    context["views"] = saved.bar(questions.user, organization, "performance", state.saved_text, built_in)
    return render(request, "console/performance.html", context | _parts(questions, state, timezone.now()))


@require_safe
def performance_csv(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """What the card of the page with the same address shows, as CSV."""
    name = request.GET.get("card", "")
    return card_csv(request, site, lambda organization: _card(*opened(request, organization), name))


def _parts(questions: Questions, state: State, now: datetime) -> dict[str, Any]:
    found, problem = answered("percentiles", lambda: percentiles.load(questions, state, now))
    if found is not None and found.is_empty:
        return {"is_empty": True}
    parts: dict[str, Any] = {"problem": problem, "failed": found is None and not problem}
    if found is not None:
        cards = [percentiles.card(found, ribbon, _csv_url(state, ribbon.id)) for ribbon in RIBBONS]
        parts |= {"tiles": found.tiles, "latency": cards[0], "cards": cards[1:], "result": found.result}
    parts["errors"], parts["errors_problem"] = answered("errors", lambda: _errors(questions, state, now))
    csv_url = _csv_url(state, MODELS)
    parts["models"], parts["models_problem"] = answered("models", lambda: models.load(questions, state, csv_url))
    parts["board"], parts["board_problem"] = answered("provider health", lambda: board.load(questions, state, now))
    return parts


def _errors(questions: Questions, state: State, now: datetime) -> Card:
    found = series.load(questions, errors_state(state), now)
    return replace(series.card(found, id=ERRORS, csv_url=_csv_url(state, ERRORS)), unit="requests that failed")


def errors_state(state: State) -> State:
    """Errors by type in the same window and under the same filters."""
    return replace(state, measure="errors", by="error_type", view="stacked")


def _card(questions: Questions, state: State, name: str) -> Card | None:
    now = timezone.now()
    if name == ERRORS:
        return _errors(questions, state, now)
    if name == MODELS:
        return models.load(questions, state, "").card
    ribbon = next((ribbon for ribbon in RIBBONS if ribbon.id == name), None)
    return None if ribbon is None else percentiles.card(percentiles.load(questions, state, now), ribbon, "")


def _csv_url(state: State, card: str) -> str:
    return f"{reverse('admin:performance_csv')}?{urlencode([*state.query, ('card', card)])}"
