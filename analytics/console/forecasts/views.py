"""The Forecasts page and the CSV of its chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers import forecasts
from analytics.answers.forecasts import Part
from analytics.answers.questions import Questions
from analytics.console.cards import Card, labels
from analytics.console.downloads import card_csv
from analytics.console.forecasts.page import Page, part_rows
from analytics.console.forecasts.state import GRAINS, HORIZONS, SHOWN, State, read_state
from analytics.console.usage.views import answered
from analytics.metrics import MEASURES
from analytics.outlook.history import outlook
from analytics.query import Filter
from gateway.console import ConsoleSite
from gateway.console.scope import person
from gateway.models import Organization, Team


@dataclass(frozen=True, slots=True)
class Opened:
    """Whose page it is and what its address asks."""

    questions: Questions
    state: State

    def page(self) -> Page | None:
        """None without any history. Raises QueryError. One question, one statement for stored runs, and three for the
        parts of a cost."""
        state, organization = self.state, self.questions.organization
        filters = (Filter("team", "eq", (state.team,)),) if state.team else ()
        history, found = outlook(
            self.questions, state.measure, state.grain, organization.reporting_timezone, timezone.now(),
            horizon=state.horizon, filters=filters,
        )  # fmt: skip
        if found is None:
            return None
        stored = [] if state.team else forecasts.runs(self.questions, state.measure, state.grain)
        whole = forecasts.Whole(found, None, [])
        if state.measure == "cost" and not state.team:
            whole = forecasts.agreed(self.questions, history, found)
        return Page(state, history, whole.found or found, stored, self.questions.scope.currency, whole.parts)


@require_safe
def forecast_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page. Raises nothing: a question without an answer is told on it."""
    context = {**site.each_context(request), "title": "Forecasts"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    opened = _opened(request, organization)
    state = opened.state
    horizons = sorted({*HORIZONS[state.grain], state.horizon})
    context |= {
        "state": state,
        "measures": [(name, MEASURES[name].label) for name in SHOWN],
        "grains": [(name, f"{name.capitalize()}s") for name in GRAINS],
        "horizons": [(steps, f"{steps} {GRAINS[state.grain]}") for steps in horizons],
        "teams": list(Team.objects.visible_to(request.user).filter(organization=organization, archived_at=None)),
    }
    content, context["problem"] = answered("forecast", lambda: _content(opened))
    return render(request, "console/forecasts.html", context | (content or {"failed": not context["problem"]}))


@require_safe
def forecast_csv(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """What the chart of the page with the same address shows, as CSV."""

    def card_of(organization: Organization) -> Card | None:
        page = _opened(request, organization).page()
        return page.card() if page else None

    return card_csv(request, site, card_of)


def _opened(request: HttpRequest, organization: Organization) -> Opened:
    return Opened(Questions(person(request), organization), read_state(request.GET.dict()))


def _content(opened: Opened) -> dict[str, Any]:
    page = opened.page()
    if page is None:
        return {"is_empty": True}
    state = opened.state
    csv_url = f"{reverse('admin:forecasts_csv')}{state.url()}"
    return {
        "facts": page.facts(),
        "card": page.card(csv_url),
        "choice": page.choice(),
        "low_confidence": page.found.low_confidence,
        "runs": page.runs(),
        "parts": part_rows(page.parts, page.currency, _names(opened.questions, page.parts)),
        "zone": page.history.zone,
    }


def _names(questions: Questions, parts: Sequence[Part]) -> dict[str, str]:
    """What other pages call these teams and projects. A query for each level that is shown."""
    found: dict[str, str] = {}
    for level in {part.level for part in parts}:
        ids = [part.id for part in parts if part.level == level and part.id not in ("none", "other")]
        found |= labels.names(questions.user, questions.organization, level, ids)
    return found
