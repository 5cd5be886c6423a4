"""What lies ahead as the Forecasts page shows it: growth, budgets, rate limits, risks; loaded after the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers.capacity import REACHED, Capacity
from analytics.answers.predictive import USED_UP, Exhaustion, Growth, predictive
from analytics.answers.questions import Questions
from analytics.console import format
from analytics.console.cards import values
from analytics.console.questions import answered
from analytics.metrics import MEASURES
from analytics.outlook.crossing import LEVEL
from gateway.console import ConsoleSite
from gateway.console.scope import person

UNITS = {"requests_per_minute": "requests/min", "tokens_per_minute": "tokens/min"}


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """The next 30 days of a measure, in words."""

    label: str
    total: str
    low: str
    high: str
    change: str


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A budget or rate limit: how far it is used, and when it ends. `span`: the 80 % interval in words."""

    name: str
    about: str
    used: str
    share: float | None
    tone: str
    when: str
    span: str


@require_safe
def forecast_ahead(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The part below the chart. Raises nothing."""
    context = site.each_context(request)
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    questions = Questions(person(request), organization)
    found, context["problem"] = answered("forecast_ahead", lambda: predictive(questions, timezone.now()))
    shown = _shown(found) if found else {"failed": not context["problem"]}
    return render(request, "console/forecasts/ahead.html", context | shown)


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    currency, zone = found["currency"], found["timezone"]
    return {
        "growth": [_growth(each, currency) for each in found["growth"]],
        "budgets": [_budget(each, currency, zone) for each in found["budgets"]],
        "capacities": [_capacity(each, zone) for each in found["capacity"]],
        "risks": [("bad" if risk.severity == "high" else "warn", risk.message) for risk in found["risks"]],
        "left_out": next((note.message for note in found["notes"] if note.code == "limits_left_out"), ""),
    }


def _growth(each: Growth, currency: str) -> GrowthRow:
    declared = MEASURES[each.measure]
    bounds = next(one for one in each.total.intervals if one.level == LEVEL)

    def text(value: Any) -> str:
        return values.text(declared, value if declared.is_money else round(value or 0), currency)

    return GrowthRow(
        declared.label,
        text(each.total.mean),
        text(bounds.lower),
        text(bounds.upper),
        format.signed_percent(each.change),
    )


def _budget(each: Exhaustion, currency: str, zone: str) -> LimitRow:
    share = float(each.spent / each.limit) if each.limit else 1.0
    used = f"{format.money(each.spent, currency)} of {format.money(each.limit, currency)}"
    tone = "bad" if each.note == USED_UP or each.exhausts_at else "warn" if each.earliest else "ok"
    resets = f"begins anew {_day(each.resets_at, zone)}" if each.resets_at else "never begins anew"
    when = _day(each.exhausts_at, zone) if each.exhausts_at else each.note
    span = _span(each.earliest, each.latest, zone)
    return LimitRow(each.name, resets, used, min(1.0, share), tone, when, span)


def _capacity(each: Capacity, zone: str) -> LimitRow:
    unit = UNITS[each.unit]
    about = " · ".join([unit, *(["key"] if each.kind == "key" else []), *(["shadow"] if each.is_shadow else [])])
    peak = format.DASH if each.peak is None else format.compact(round(each.peak) if each.peak >= 10 else each.peak)
    tone = "bad" if each.note == REACHED or each.reached_at else "warn" if each.earliest else "ok"
    when = _day(each.reached_at, zone) if each.reached_at else each.note
    span = _span(each.earliest, each.latest, zone)
    share = None if each.utilization is None else min(1.0, each.utilization)
    return LimitRow(each.name, about, f"{peak} of {format.compact(each.limit)}", share, tone, when, span)


def _span(earliest: datetime | None, latest: datetime | None, zone: str) -> str:
    if earliest is None:
        return ""
    return f"{_day(earliest, zone)} to {_day(latest, zone)}" if latest else f"from {_day(earliest, zone)}"


def _day(at: datetime | None, zone: str) -> str:
    return f"{format.local(at, zone):%-d %b %Y}" if at else ""
