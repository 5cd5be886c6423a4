"""Prices: what the public lists say, the history of one model, where the lists differ, and past periods priced anew."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from analytics.console.format import exact_money, local, money, number
from analytics.console.periods import zone_or_utc
from analytics.query import window as windows
from costs.choices import PriceSource, ReviewState
from costs.models import PriceRate, PriceReview, PriceSnapshot, RepricingRun
from costs.pricing import meters as m
from costs.services import backfill, repricing, reviews
from gateway.console.registry import ConsoleSite
from gateway.console.scope import actor, frame, may_administer, person
from gateway.models import Organization, Team
from gateway.services.errors import ServiceError

PER_PAGE = 50
MOST_RUNS = 20
MOST_GROUPS = 50
COLUMNS = (m.INPUT, m.CACHE_READ, m.OUTPUT)
NOON = time(12)
DEFAULT_DAYS = 30
_SIGNS = {"service_tier=": "", "processing=": "", "region=": "in ", "speed=": "", "time=": "at "}


@dataclass(frozen=True, slots=True)
class Row:
    """One model in one context as a list states it; `columns` in the order of `COLUMNS`, `others` in words."""

    provider: str
    model: str
    source: str
    context: str
    columns: list[str]
    others: list[str]
    since: datetime | None
    url: str


@require_safe
def price_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Rates in force of the public lists, fifty models and contexts a page. Six queries."""
    context, organization = frame(request, site, "Prices")
    query, source = (request.GET.get(name, "").replace("\0", "").strip()[:200] for name in ("q", "source"))
    rates = PriceRate.objects.visible_to(person(request)).in_force(timezone.now())
    if query:
        rates = rates.filter(Q(model__icontains=query) | Q(provider__icontains=query))
    if source:
        rates = rates.filter(source=source)
    keys = rates.order_by("provider", "model", "source", "context").values_list(
        "provider", "model", "source", "context"
    )
    page = Paginator(keys.distinct(), PER_PAGE).get_page(request.GET.get("page"))
    wanted: list[tuple[str, str, str, str]] = list(page.object_list)
    found = rates.filter(model__in={key[1] for key in wanted}) if wanted else rates.none()
    newest = PriceSnapshot.objects.order_by("source", "-imported_at", "-id").distinct("source")
    context |= {
        "tabs": tabs_of(request, organization, "prices"), "rows": _rows(wanted, found), "page": page, "query": query,
        "source": source, "files": list(newest), "may_change": may_administer(request, organization),
        "sources": PriceSource.choices,
    }  # fmt: skip
    return render(request, "console/prices.html", context)


@require_safe
def price_history(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Every rate of one model that was ever stated, newest first. Four queries."""
    provider, model = (request.GET.get(name, "").replace("\0", "")[:200] for name in ("provider", "model"))
    context, organization = frame(request, site, f"Price of {model}" if model else "Price of a model")
    rates = PriceRate.objects.visible_to(person(request)).filter(provider=provider, model=model)
    rates = rates.select_related("snapshot").order_by("source", "context", "meter", "above_tokens", "-valid_from")
    page = Paginator(rates, 4 * PER_PAGE).get_page(request.GET.get("page"))
    context |= {
        "provider": provider, "model": model, "page": page,
        "rows": [(rate, words_of(rate.context), _about(rate), _amount(rate)) for rate in page.object_list],
        "may_change": may_administer(request, organization),
        "state_url": f"{reverse('admin:costs_priceoverride_add')}?{urlencode({'provider': provider, 'model': model})}",
    }  # fmt: skip
    return render(request, "console/prices/history.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def price_reviews(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Where the lists differ, largest difference first; superusers decide. Five queries."""
    context, organization = frame(request, site, "Price reviews")
    if request.method == "POST":
        return _decided(request)
    state = request.GET.get("state", ReviewState.OPEN)
    rows = PriceReview.objects.visible_to(person(request)).select_related("decided_by")
    if state in ReviewState.values:
        rows = rows.filter(state=state)
    query = request.GET.get("q", "").replace("\0", "").strip()[:200]
    if query:
        rows = rows.filter(Q(model__icontains=query) | Q(provider__icontains=query))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context |= {
        "tabs": tabs_of(request, organization, "price_reviews"), "page": page, "state": state, "query": query,
        "states": ReviewState.choices, "may_decide": person(request).is_superuser,
        "rows": [(row, [_difference(one) for one in row.differences[:6]], len(row.differences)) for row in page],
    }  # fmt: skip
    return render(request, "console/prices/reviews.html", context)


def _decided(request: HttpRequest) -> HttpResponse:
    if not person(request).is_superuser:
        raise PermissionDenied
    review = get_object_or_404(PriceReview, pk=_identity(request.POST.get("review", "")))
    try:
        row = reviews.decide_review(review=review, actor=actor(request), state=request.POST.get("decision", ""))
        messages.success(request, f"{row.provider}/{row.model}: {row.get_state_display().lower()}.")
    except ServiceError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(request.get_full_path())


@require_http_methods(["GET", "HEAD", "POST"])
def price_repricing(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Calls without a price, and past periods priced anew. Ten queries."""
    context, organization = frame(request, site, "Re-pricing")
    scope = context["console"].scope
    if not scope.sees_all and not may_administer(request, organization):
        raise PermissionDenied
    if request.method == "POST":
        return _asked(request, organization)
    end, zone = timezone.now(), organization.reporting_timezone
    start = end - timedelta(days=DEFAULT_DAYS)
    runs = list(RepricingRun.objects.visible_to(person(request)).filter(organization=organization)[:MOST_RUNS])
    teams = {str(key): name for key, name in Team.objects.filter(organization=organization).values_list("pk", "name")}
    context |= {
        "tabs": tabs_of(request, organization, "price_repricing"), "runs": [_run(run, teams) for run in runs],
        "unpriced": [
            (one, f"{local(one.last_at, zone):%Y-%m-%d %H:%M}")
            for one in repricing.unpriced(organization=organization, start=start, end=end)
        ],
        "days": DEFAULT_DAYS,
        "backfills": backfill.is_wanted(organization), "backfill_days": backfill.DAYS,
        "may_change": may_administer(request, organization),
        "first_on": f"{local(start, zone):%Y-%m-%d}", "last_on": f"{local(end, zone):%Y-%m-%d}",
        "is_working": any(run.state in ("counting", "applying") for run in runs),
    }  # fmt: skip
    return render(request, "console/prices/repricing.html", context)


def _asked(request: HttpRequest, organization: Organization) -> HttpResponse:
    if not may_administer(request, organization):
        raise PermissionDenied
    try:
        if request.POST.get("backfill"):
            wanted = request.POST["backfill"] == "on"
            backfill.set_backfill(organization=organization, actor=actor(request), backfills_unpriced=wanted)
            state = "priced as soon as a price is known" if wanted else "left until you re-price them"
            messages.success(request, f"Calls without a price are {state}.")
        elif request.POST.get("apply"):
            rows = RepricingRun.objects.filter(organization=organization)
            run = get_object_or_404(rows, pk=_identity(request.POST["apply"]))
            repricing.apply_repricing(run=run, actor=actor(request), seen=request.POST.get("digest"))
            messages.success(request, "The difference is being booked as adjusting entries.")
        else:
            zone = organization.reporting_timezone
            start, last = _day(request.POST.get("start", ""), zone), _day(request.POST.get("end", ""), zone)
            if start is None or last is None:
                messages.error(request, "Give the first and the last day as year-month-day.")
            else:
                repricing.request_repricing(
                    organization=organization, actor=actor(request), start=start,
                    end=windows.following(last, "day", zone_or_utc(zone)),
                    model=request.POST.get("model", "").strip()[:200],
                    only_unpriced=bool(request.POST.get("only_unpriced")),
                )  # fmt: skip
                messages.success(request, "The difference is being counted. Nothing is booked until you apply it.")
    except ServiceError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(request.path)


# ---- rows ------------------------------------------------------------------------------------------------------------
def tabs_of(request: HttpRequest, organization: Organization, current: str) -> list[dict[str, Any]]:
    """The pages of prices that the person may open. One query."""
    waiting = PriceReview.objects.filter(state=ReviewState.OPEN).count()
    tabs = [("prices", "Public lists", 0), ("price_reviews", "Review queue", waiting)]
    if may_administer(request, organization) or getattr(organization, "role", None) == "analyst":
        tabs += [("price_repricing", "Re-pricing", 0), ("price_commitments", "Commitments", 0)]
    tabs.append(("price_rates", "Exchange rates", 0))
    return [
        {
            "url": reverse(f"admin:{name}"),
            "label": label,
            "is_current": name == current,
            "count": number(count) if count else "",
        }
        for name, label, count in tabs
    ]


def _rows(wanted: Sequence[tuple[str, str, str, str]], rates: QuerySet[PriceRate]) -> list[Row]:
    by_key: dict[tuple[str, str, str, str], list[PriceRate]] = {key: [] for key in wanted}
    for rate in rates:
        if (found := by_key.get((rate.provider, rate.model, rate.source, rate.context))) is not None:
            found.append(rate)
    return [_row(key, found) for key, found in by_key.items()]


def _row(key: tuple[str, str, str, str], rates: list[PriceRate]) -> Row:
    provider, model, source, context = key
    base = {rate.meter: rate for rate in rates if rate.above_tokens < 0}
    others = [
        f"{_about(rate)} {_amount(rate)}" for rate in rates if rate.above_tokens >= 0 or rate.meter not in COLUMNS
    ]
    since = max((rate.valid_from for rate in rates if rate.valid_from), default=None)
    url = f"{reverse('admin:price_history')}?{urlencode({'provider': provider, 'model': model})}"
    columns = [_amount(base[meter]) if meter in base else "–" for meter in COLUMNS]
    return Row(provider, model, source, words_of(context), columns, others, since, url)


def words_of(context: str) -> str:
    """`service_tier=flex,region=eu` as people say it: `flex, in eu`."""
    parts = []
    for part in context.split(",") if context else ():
        sign = next((sign for sign in _SIGNS if part.startswith(sign)), "")
        value = part.removeprefix(sign)
        parts.append(_SIGNS.get(sign, "") + ("any region" if value == "*" else value))
    return ", ".join(parts) or "standard"


def _about(rate: PriceRate) -> str:
    words = rate.meter.replace("_", " ")
    return words if rate.above_tokens < 0 else f"{words} above {number(rate.above_tokens)}"


def _amount(rate: PriceRate) -> str:
    """Per 1,000,000 tokens or characters, per minute heard, per unit; a factor as one."""
    if rate.meter == "multiplier":
        return f"× {rate.amount.normalize():f}"
    return exact_money(listed(rate.meter, rate.amount), rate.currency)


def listed(meter: str, amount: Decimal) -> Decimal:
    """A unit price as lists state it: per 1,000,000 tokens or characters, per minute heard."""
    if meter in m.PER_MILLION:
        return amount.scaleb(6).normalize()
    return (amount * 60 if meter in m.PER_MINUTE else amount).normalize()


def _difference(one: dict[str, Any]) -> dict[str, str]:
    try:
        first, second = (exact_money(listed(one["meter"], Decimal(one[name])), "USD") for name in ("first", "second"))
    except InvalidOperation:
        first, second = one["first"], one["second"]
    about = one["meter"].replace("_", " ")
    if one["above_tokens"] >= 0:
        about = f"{about} above {number(one['above_tokens'])}"
    return {"about": about, "context": words_of(one["context"]), "first": first, "second": second}


def _run(run: RepricingRun, teams: dict[str, str]) -> dict[str, Any]:
    found, zone = run.applied or run.counted, run.organization.reporting_timezone
    groups = []
    for one in (found or {}).get("groups", [])[:MOST_GROUPS]:
        figures = {name: Decimal(one[name]) for name in ("before", "after", "difference")}
        rounded = {name: money(amount, one["currency"]) for name, amount in figures.items()}
        exact = {name: exact_money(amount, one["currency"]) for name, amount in figures.items()}
        groups.append(one | rounded | {"exact": exact, "team": teams.get(one["team"] or "", "–")})
    difference = _in_all(found["groups"], run.organization.currency) if found else ""
    tone = {"applied": "ok", "failed": "bad", "ready": "warn"}.get(run.state, "")
    return {
        "run": run, "found": found, "groups": groups, "difference": difference, "tone": tone,
        "first_on": f"{local(run.start, zone):%Y-%m-%d}",
        "last_on": f"{local(run.end - timedelta(microseconds=1), zone):%Y-%m-%d}",
    }  # fmt: skip


def _in_all(groups: Iterable[Mapping[str, Any]], currency: str) -> str:
    """`−$0.06 and €0.02`: the differences, each currency by itself; nothing of `currency` without any."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in groups:
        sums[one["currency"]] += Decimal(one["difference"])
    return " and ".join(exact_money(amount, of) for of, amount in sorted(sums.items())) or exact_money("0", currency)


def _day(text: str, zone: str) -> datetime | None:
    """Where the day begins in the time zone."""
    try:
        noon = datetime.combine(date.fromisoformat(text.strip()), NOON, zone_or_utc(zone))
        return windows.floor(noon, "day", zone_or_utc(zone))
    except (ValueError, OverflowError):
        return None


def _identity(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
