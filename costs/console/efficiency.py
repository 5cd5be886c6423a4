"""What an outcome costs and what is wasted, against a benchmark; unit metrics of one's own, with their uploads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST

from analytics.answers.questions import Questions
from analytics.console import charts, format
from analytics.console import questions as pages
from analytics.console.cards import Card, Row, Table, labels, values
from analytics.console.periods import LABELS, Period, read_period
from analytics.console.questions import answered, attempt
from analytics.console.tiles import Tile, arrow
from analytics.console.usage import series
from analytics.console.usage.state import State
from analytics.metrics import MEASURES
from analytics.models import DeclaredTag
from analytics.query import Query, Value
from costs.analysis import efficiency
from costs.analysis.efficiency import Compared
from costs.analysis.units import UnitCost
from costs.console.tabs import tabs
from costs.models import UnitMetric
from costs.services import units
from gateway.console import ConsoleSite
from gateway.console.parts import Tab
from gateway.console.scope import actor, frame, may_administer, person
from gateway.models import Organization
from gateway.services.errors import ServiceError

AGAINST = {"previous_period": "the period before", "list_price": "list prices"}
COURSES = ("cost_per_request", "cost_per_success", "cost_per_1k_tokens")
LONGEST_FILE = 2_000_000
SHOWN_SCOPES = 8


class UnitForm(forms.Form):
    """A new unit metric."""

    name = forms.CharField(max_length=120, help_text="What is counted: Tickets solved.")
    unit = forms.CharField(max_length=60, help_text="One of them: ticket.")
    dimension = forms.ChoiceField(required=False, label="Counted by", help_text="Whose cost it is set against.")

    def __init__(self, data: Any = None, *, tags: Sequence[str] = ()) -> None:
        super().__init__(data)
        choices = [("", "The organization"), ("team", "Team"), ("project", "Project")]
        self.fields["dimension"].choices = [*choices, *((f"tag.{key}", f"Tag {key}") for key in tags)]  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class UnitCard:
    """One metric: what a unit costs, the chart of its days, its scopes in words."""

    metric: UnitCost
    price: str
    words: str
    card: Card | None
    scopes: Sequence[tuple[str, str, str, str]]
    example: str


@require_http_methods(["GET", "HEAD", "POST"])
def efficiency_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page; POST makes a unit metric."""
    context = {**site.each_context(request), "title": "Efficiency"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    may_change = may_administer(request, organization)
    form = _form(request, organization) if may_change else None
    if request.method == "POST" and form is not None and _make(request, organization, form):
        return redirect(_units_url(organization))
    period = read_period(request.GET, timezone.now(), organization.reporting_timezone, default="30d")
    against = request.GET.get("against", "")
    against = against if against in AGAINST else "previous_period"
    course = request.GET.get("course", "")
    state = State(
        period, organization.slug, measure=course if course in COURSES else COURSES[2], by="", view="lines"
    )  # fmt: skip
    context |= {
        "organization": organization, "period": period, "ranges": LABELS.items(), "state": state, "form": form,
        "tabs": tabs("cost_efficiency", request.GET), "may_change": may_change,
        "against_tabs": _choices(request, "against", against, AGAINST),
        "courses": _choices(request, "course", state.measure, {name: MEASURES[name].label for name in COURSES}),
        "against": AGAINST[against], "gateway_url": f"{settings.CONSOLE_URL}/v1",
    }  # fmt: skip
    questions = Questions(person(request), organization)
    found, context["problem"] = answered("efficiency", lambda: _content(questions, state, against))
    shown = found or {"failed": not context["problem"]}
    return render(request, "console/costs/efficiency.html", context | shown)


@require_POST
def unit_values(request: HttpRequest, site: ConsoleSite, metric_id: UUID) -> HttpResponse:
    """Take a CSV file, or lines that were typed, as a metric's values; or archive the metric."""
    _, organization = frame(request, site, "Unit metric")
    rows: Any = UnitMetric.objects.visible_to(request.user).filter(organization=organization)
    metric: UnitMetric = get_object_or_404(rows, pk=metric_id)
    try:
        if not may_administer(request, organization):
            messages.error(request, "Owners and administrators send values.")
        elif request.POST.get("archive"):
            units.archive_unit_metric(metric=metric, actor=actor(request))
            messages.success(request, f"{metric.name} is archived.")
        else:
            counts = units.read_csv(_text(request))
            done = units.put_values(metric=metric, actor=actor(request), counts=counts)
            counted = f"{done.values:,} values, {done.changed:,} of them new, {done.removed:,} removed"
            messages.success(request, f"{metric.name}: {counted}.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect(_units_url(organization))


def _units_url(organization: Organization) -> str:
    return f"{reverse('admin:cost_efficiency')}?{urlencode({'organization': organization.slug})}#units"


def _text(request: HttpRequest) -> str:
    """Raises ServiceError."""
    file = request.FILES.get("file")
    if file is None:
        return request.POST.get("lines", "")
    if file.size is None or file.size > LONGEST_FILE:
        raise ServiceError("file_too_large", f"A file may have {LONGEST_FILE:,} bytes.")
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ServiceError("file_encoding", "The file is not UTF-8.") from None


def _form(request: HttpRequest, organization: Organization) -> UnitForm:
    tags = DeclaredTag.objects.visible_to(person(request)).filter(organization=organization)
    keys = list(tags.values_list("key", flat=True))
    return UnitForm(request.POST if request.method == "POST" else None, tags=keys)


def _make(request: HttpRequest, organization: Organization, form: UnitForm) -> bool:
    if not form.is_valid():
        return False
    try:
        made = units.create_unit_metric(organization=organization, actor=actor(request), **form.cleaned_data)
    except ServiceError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    messages.success(request, f"{made.name} is there; send its values.")
    return True


def _choices(request: HttpRequest, name: str, chosen: str, options: Mapping[str, str]) -> list[Tab]:
    query = request.GET.copy()
    found = []
    for value, label in options.items():
        query[name] = value
        found.append(Tab(label[:1].upper() + label[1:], f"?{query.urlencode()}", value == chosen))
    return found


# ---- figures ---------------------------------------------------------------------------------------------------------
def _content(questions: Questions, state: State, against: str) -> dict[str, Any]:
    """Raises QueryError."""
    period = state.period
    query = Query(measures=("cost",), start=period.start, end=period.end, timezone=period.zone, granularity="day")
    body = efficiency.efficiency(questions, query, against)
    currency = body["currency"]
    cards = [_unit(questions, metric, currency, period) for metric in body["unit_metrics"]]
    if not body["totals"]["requests"]:
        return {"is_empty": True, "unit_cards": cards}
    page = pages.Questions(questions.user, questions.organization, period, questions.scope)
    return {
        "tiles": _tiles(body, currency, AGAINST[against]),
        "card": attempt(
            "course", lambda: series.card(series.load(page, state, timezone.now()), id="course", csv_url="")
        ),
        "waste": _waste(body, currency),
        "unit_cards": cards,
        "listed": _listed(body, currency) if against == "list_price" else "",
    }


def _tiles(body: Mapping[str, Any], currency: str, against: str) -> Sequence[Tile]:
    pairs: dict[str, Compared] = {pair.measure: pair for pair in body["benchmark"].measures}

    def money(name: str, label: str) -> Tile:
        return _tile(label, name, format.money(body[name], currency), body[name], pairs.get(name), against, "down")

    def share(name: str, label: str, good: str) -> Tile:
        return _tile(label, name, format.percent(body[name]), body[name], pairs.get(name), against, good)

    return [
        money("cost_per_request", "Cost per request"), money("cost_per_success", "Cost per success"),
        money("cost_per_1k_tokens", "Cost per 1,000 tokens"), share("cached_share", "Input from cache", "up"),
        share("retry_share", "Spent on retries", "down"), share("failed_share", "Spent on failures", "down"),
    ]  # fmt: skip


def _tile(label: str, name: str, text: str, value: Any, pair: Compared | None, against: str, good: str) -> Tile:
    change = None if pair is None else pair.difference
    words = "" if change is None else format.change_words(change, against)
    pointing = arrow(words, change)
    tone = "neutral" if not pointing else "good" if pointing == good else "bad"
    exact = "nothing measured in this period" if value is None else values.exact(value)
    return Tile(label, text, exact, words, tone, pointing, SafeString(), name)


def _waste(body: Mapping[str, Any], currency: str) -> list[tuple[str, str]]:
    ratio = body["output_input_ratio"]
    return [
        ("Retries", format.money(body["retry_waste"], currency)),
        ("Failures", format.money(body["totals"]["failed_cost"], currency)),
        ("Answers from the cache saved", format.money(body["saved_by_cache"], currency)),
        ("Output tokens for each input token", format.DASH if ratio is None else f"{ratio:.3f}"),
    ]


def _listed(body: Mapping[str, Any], currency: str) -> str:
    (pair,) = body["benchmark"].measures
    if pair.benchmark is None:
        return "Nothing in this period has a list price."
    words = format.change_words(pair.difference, "list prices")
    cost, listed = (format.money(value, currency) for value in (pair.value, pair.benchmark))
    return f"{cost} was charged; at list prices it would have been {listed}: {words}."


# ---- unit metrics ----------------------------------------------------------------------------------------------------
def _unit(questions: Questions, metric: UnitCost, currency: str, period: Period) -> UnitCard:
    """A query for the names of its scopes."""

    def text(amount: Value) -> str:
        return format.money(amount, currency)

    words = metric.note
    if metric.value is not None:
        known = f"{format.money(metric.cost, currency)} for {format.number(metric.value)}"
        days = metric.days_without_value
        missing = f"; {days} day{'' if days == 1 else 's'} without a value left out" if days else ""
        words = f"{known}{missing}."
    ids = [one.scope for one in metric.scopes]
    called = labels.names(questions.user, questions.organization, metric.dimension, ids) if ids else {}
    scopes = [
        (called.get(one.scope, one.name), format.number(one.value), text(one.cost), text(one.cost_per_unit))
        for one in sorted(metric.scopes, key=lambda one: -one.cost)[:SHOWN_SCOPES]
    ]
    example = f"day,value{',scope' if metric.dimension else ''}"
    card = _unit_card(metric, currency, period) if metric.series else None
    return UnitCard(metric, text(metric.cost_per_unit), words, card, scopes, example)


def _unit_card(metric: UnitCost, currency: str, period: Period) -> Card:
    """Cost per unit by day; a day without a value is a gap."""
    line = [None if day.cost_per_unit is None else round(float(day.cost_per_unit), 10) for day in metric.series]
    texts = [f"{format.money(day.cost_per_unit, currency)} a {metric.unit}" for day in metric.series]
    top = max((value for value in line if value is not None), default=0.0)
    plot = charts.Plot(
        [f"{day.day:%Y-%m-%dT00:00}" for day in metric.series], "day",
        values.axis(MEASURES["cost_per_request"], currency, top),
    )  # fmt: skip
    rows = tuple(
        Row(
            f"{day.day:%a %-d %b %Y}",
            (format.number(day.value), format.money(day.cost, currency), format.money(day.cost_per_unit, currency)),
            (values.exact(day.value), values.exact(day.cost), values.exact(day.cost_per_unit)), day.day.isoformat(),
        )
        for day in metric.series
    )  # fmt: skip
    known = [(day.cost_per_unit, day.day) for day in metric.series if day.cost_per_unit is not None]
    summary = "No day has a value."
    if known:
        (least, cheap), (most, dear) = min(known), max(known)
        lowest, highest = (format.money(amount, currency) for amount in (least, most))
        summary = f"Between {lowest} on {cheap:%-d %B} and {highest} on {dear:%-d %B}."
    figure = charts.lines(plot, [charts.Series(metric.name, 0, line, texts)]) if known else None
    return Card(
        id=f"unit-{metric.id}", title=f"Cost per {metric.unit} by day", summary=summary, unit=currency,
        table=Table(f"Day ({period.zone})", (metric.name, "Cost", f"Cost per {metric.unit}"), rows), figure=figure,
    )  # fmt: skip
