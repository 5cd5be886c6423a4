"""Costs at a glance: the month and where it leads, cost by day with what is expected, why it moved, what is at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers.questions import Questions
from analytics.console import charts, format
from analytics.console import questions as pages
from analytics.console.anomalies.views import newest_open
from analytics.console.cards import Card, LegendEntry, labels, rows
from analytics.console.cards.why import why
from analytics.console.periods import CUSTOM, LABELS, Period, next_quarter, read_period
from analytics.console.questions import answered, attempt
from analytics.console.tiles import Tile
from analytics.console.usage import series
from analytics.console.usage.state import State
from analytics.explain import Effects
from analytics.explain.words import EFFECTS
from analytics.metrics import MEASURES
from analytics.query import Query, Result
from analytics.query import window as windows
from costs.analysis import effects, now
from costs.console.budgets import WARN_AT, budget_rows
from costs.console.budgets import Row as BudgetRow
from costs.console.monthtiles import LEVEL, bounds, last_month, month_so_far, projected, savings, spent, tile
from costs.console.recommendations import READERS
from costs.console.tabs import tabs
from costs.models import Budget, Statement
from gateway.console import ConsoleSite
from gateway.console.parts import Tab
from gateway.console.scope import organization_of, person

BY = {"team": "Team", "model": "Model", "project": "Project", "provider": "Provider"}
TOP = 8
MOST_DRIVERS, MOST_BUDGETS, MOST_READ = 6, 5, 200


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One effect; `share` of the largest, for its bar."""

    name: str
    amount: str
    share: float


@dataclass(frozen=True, slots=True)
class DriverRow:
    """What changed most, in words. `cause`: its largest effects."""

    name: str
    cost: str
    change: str
    tone: str
    cause: str
    url: str


@dataclass(frozen=True, slots=True)
class Why:
    """The change of the window: by effect, and by driver."""

    change: str
    effects: Sequence[EffectRow]
    drivers: Sequence[DriverRow]
    before: str


@require_safe
def costs_home(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page; `by` names what the days are stacked by, the window is that of the chart and the drivers. About 25
    statements."""
    context = {**site.each_context(request), "title": "Costs"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    at = timezone.now()
    period = read_period(request.GET, at, organization.reporting_timezone, default="30d")
    by = request.GET.get("by", "team")
    state = State(period, organization.slug, measure="cost", by=by if by in BY else "team", top=TOP)
    questions = Questions(person(request), organization)
    context |= {
        "organization": organization, "period": period, "ranges": LABELS.items(), "state": state,
        "tabs": tabs("costs", request.GET), "stacks": _stacks(request, state.by),
    }  # fmt: skip
    context |= _content(questions, state, at, is_reader=context["console"].may(READERS))
    return render(request, "console/costs/home.html", context)


def _stacks(request: HttpRequest, by: str) -> list[Tab]:
    query = request.GET.copy()
    found = []
    for name, label in BY.items():
        query["by"] = name
        found.append(Tab(label, f"?{query.urlencode()}#cost-by-day", name == by))
    return found


def _content(questions: Questions, state: State, at: datetime, *, is_reader: bool) -> dict[str, Any]:
    """Each part on its own: one that fails leaves the rest."""
    user, organization = questions.user, questions.organization
    running = attempt("running month", lambda: now.running_now(questions, at, organization.reporting_timezone))
    ahead = attempt("projection", lambda: now.projections(questions, running)) if running else None
    month = attempt("month", lambda: month_so_far(questions, running)) if running else None
    if running and month and attempt("emptiness", lambda: _is_empty(questions, state.period, running, month)):
        return {"is_empty": True}
    page = pages.Questions(user, organization, state.period, questions.scope)
    card, problem = answered("cost by day", lambda: _card(page, state, ahead, at))
    return {
        "tiles": attempt("tiles", lambda: _tiles(questions, running, ahead, month, is_reader=is_reader))
        if running and month
        else None,
        "unpriced": unpriced_words(month) if month else "",
        "mixed": series.mixed_words(month) if month else "",
        "as_of": format.local(at, organization.reporting_timezone),
        "lag": format.lag(questions.scope.lag_s),
        "card": card, "problem": problem,
        "why": attempt("drivers", lambda: _why(questions, state)),
        "budgets": attempt("budgets", lambda: at_risk(questions, at)),
        "anomalies": attempt("anomalies", lambda: newest_open(user, organization, "cost")),
        "anomalies_title": "Open anomalies of cost",
    }  # fmt: skip


@require_safe
def month_card(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The running month for the home page, which asks for it by itself: spent, expected, and what could be saved."""
    context = site.each_context(request)
    organization = organization_of(context)
    questions, at = Questions(person(request), organization), timezone.now()
    is_reader = context["console"].may(READERS)
    context["tiles"] = attempt("month card", lambda: _month_tiles(questions, at, is_reader=is_reader))
    return render(request, "console/costs/month_card.html", context)


def _month_tiles(questions: Questions, at: datetime, *, is_reader: bool) -> Sequence[Tile]:
    running = now.running_now(questions, at, questions.organization.reporting_timezone)
    ahead, month = now.projections(questions, running), month_so_far(questions, running)
    shown = [spent(month), projected(ahead, month.currency), last_month(questions, running, ahead, month.currency)]
    return [*shown, savings(questions)] if is_reader else shown


# ---- key figures -----------------------------------------------------------------------------------------------------
def _is_empty(questions: Questions, period: Period, running: now.Running, month: Result) -> bool:
    """Whether nothing was asked or spent this month, last month or in the chart's window. A question where the month so
    far has nothing, none else."""
    if month.totals["requests"] or month.totals["cost"]:
        return False
    start, end = min(running.last_month_start, period.start), next_quarter(running.now)
    totals = questions.ask(Query(measures=("requests", "cost"), start=start, end=end, timezone=running.zone)).totals
    return not totals["requests"] and not totals["cost"]


def _tiles(
    questions: Questions, running: now.Running, ahead: now.Outlook | None, month: Result, *, is_reader: bool
) -> Sequence[Tile]:
    """`is_reader`: whether the person reads recommendations; without them the unpriced share stands in their place."""
    period = _period(running)
    url = rows.period_url(questions.organization.slug, period, {})
    currency = month.currency

    def explained(name: str) -> Any:
        return why([MEASURES[name]], month, period, url)

    saved: Any = month.totals["saved_by_cache"]
    return [
        spent(month, explained("cost")),
        projected(ahead, currency),
        last_month(questions, running, ahead, currency),
        _unallocated(questions, currency),
        tile("Saved by cache", "saved_by_cache", format.money_short(saved, currency),
             format.exact_money(saved, currency), "list cost of this month's answers from the cache",
             explained("saved_by_cache")),
        savings(questions) if is_reader else _unpriced_tile(month, explained("unpriced_requests")),
    ]  # fmt: skip


def unpriced_words(month: Result) -> str:
    """`0.2 % of requests (12) have no known price`; empty where all have one."""
    unpriced, requests = month.totals["unpriced_requests"], month.totals["requests"]
    if not unpriced:
        return ""
    share = float(unpriced or 0) / float(requests) if requests else None
    return f"{format.percent(share)} of requests ({format.number(unpriced)}) have no known price"


def _unpriced_tile(month: Result, explained: Any) -> Tile:
    unpriced, requests = month.totals["unpriced_requests"], month.totals["requests"]
    share = float(unpriced or 0) / float(requests) if requests else None
    count = f"{format.number(unpriced)} requests"
    return tile("Unpriced", "unpriced_requests", format.percent(share), count, f"{count} without a price", explained)


def _unallocated(questions: Questions, currency: str) -> Tile:
    """Of the newest statement. One query."""
    rows_of: Any = Statement.objects.visible_to(questions.user).filter(
        organization=questions.organization, currency=currency
    )
    newest: Statement | None = rows_of.order_by("-month").first()
    if newest is None or not newest.total:
        return tile("Unallocated", "unallocated", format.DASH, "no statement", "no statement of a month yet")
    share = newest.unallocated / newest.total
    words = f"of {newest.month:%B}, locked statement"
    if newest.status != "locked":
        zone = questions.organization.reporting_timezone
        words = f"of {newest.month:%B}, draft of {format.local(newest.computed_at, zone):%Y-%m-%d %H:%M}"
    return tile(
        "Unallocated", "unallocated", format.percent(share), format.exact_money(newest.unallocated, currency), words
    )  # fmt: skip


def _period(running: now.Running) -> Period:
    """The month so far, as a page's window."""
    zone = windows.zone(running.zone)
    first, last = running.month_start.astimezone(zone).date(), running.now.astimezone(zone).date()
    return Period(CUSTOM, running.month_start, next_quarter(running.now), running.zone, first, last)


# ---- chart -----------------------------------------------------------------------------------------------------------
def _card(page: pages.Questions, state: State, ahead: now.Outlook | None, at: datetime) -> Card:
    """Cost per bucket, stacked, with what the rest of the month should bring where the window ends now. QueryError."""
    found = series.load(page, state, at)
    usage_csv = f"{reverse('admin:usage_csv')}?{urlencode([*state.query, ('card', 'series')])}"
    card = series.card(found, id="cost-by-day", csv_url=usage_csv)
    is_open = state.period.end >= at and state.grain == "day"
    if ahead is None or ahead.found is None or ahead.history is None or card.figure is None or not is_open:
        return card
    days = ahead.history.ahead(ahead.days)
    currency = found.result.currency
    plot = charts.Plot([f"{day:%Y-%m-%dT%H:%M}" for day in days], "day", {})
    mean = [round(float(value), 10) for value in ahead.found.mean[: ahead.days]]
    line = charts.Series("Expected", 0, mean, [f"Expected {format.money(value, currency)}" for value in mean])
    lower, upper = (bound[LEVEL][: ahead.days] for bound in (ahead.found.lower, ahead.found.upper))
    band = charts.Band(format.level(LEVEL), [float(value) for value in lower], [float(value) for value in upper])
    legend = LegendEntry(f"Expected, {format.level(LEVEL)}", charts.BEFORE_COLOR, is_line=True)
    return replace(
        card,
        figure=charts.with_expected(card.figure, plot, line, [band]),
        legend=(*card.legend, legend),
        summary=f"{card.summary} {_expected_words(ahead, currency)}",
    )


def _expected_words(ahead: now.Outlook, currency: str) -> str:
    assert ahead.month is not None
    low, high = (format.money(value, currency) for value in bounds(ahead.month))
    mean = format.money(ahead.month.mean, currency)
    return f"The month is expected to cost {mean}, {format.level(LEVEL)} likely {low} to {high}."


# ---- why -------------------------------------------------------------------------------------------------------------
def _why(questions: Questions, state: State) -> Why | None:
    """Against the window before; None where neither cost anything. Two questions, one query for names."""
    start, end = state.period.start, state.period.end
    query = Query(measures=("cost",), start=start, end=end, timezone=state.period.zone)
    found = effects.change(questions, query, (start - (end - start), start))
    if not found.before and not found.after:
        return None
    currency = questions.scope.currency
    drivers = found.drivers(state.by, MOST_DRIVERS)
    keys = [labels.value_of(driver.value) for driver in drivers]
    called = labels.names(questions.user, questions.organization, state.by, keys)
    shown = [
        DriverRow(
            called.get(key, key), format.money(driver.cost, currency), format.signed_money(driver.change, currency),
            "bad" if driver.change > 0 else "ok", cause_words(driver.effects, currency),
            state.rows_url(**{state.by: key}),
        )
        for key, driver in zip(keys, drivers, strict=True)
    ]  # fmt: skip
    return Why(
        format.signed_money(found.effects.change, currency),
        effect_rows(found.effects, currency),
        shown,
        state.period.before,
    )


def effect_rows(found: Effects, currency: str) -> list[EffectRow]:
    """The effects that are not nothing, the largest first."""
    amounts = sorted(found.parts.items(), key=lambda item: -abs(item[1]))
    most = abs(amounts[0][1])
    return [
        EffectRow(EFFECTS[name].capitalize(), format.signed_money(amount, currency), float(abs(amount) / most))
        for name, amount in amounts
        if amount
    ]


def cause_words(found: Effects, currency: str) -> str:
    """The one or two effects that carry most of it."""
    named = sorted(found.parts.items(), key=lambda item: -abs(item[1]))
    told = [f"{EFFECTS[name]} {format.signed_money(amount, currency)}" for name, amount in named[:2] if amount]
    return ", ".join(told)


# ---- budgets ---------------------------------------------------------------------------------------------------------
def at_risk(questions: Questions, at: datetime) -> list[BudgetRow]:
    """Budgets that are nearly used up, or run out before their period does, the fullest first."""
    visible = Budget.objects.visible_to(questions.user).filter(organization=questions.organization, archived_at=None)
    budgets = list(visible)
    shown, _ = budget_rows(questions.organization, budgets, budgets[:MOST_READ], at)
    near = [row for row in shown if row.share >= WARN_AT or row.usage.exhausts_at is not None]
    return sorted(near, key=lambda row: -row.share)[:MOST_BUDGETS]
