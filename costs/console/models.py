"""Models: what people may ask for, what it costs today and where that price stands; what providers offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from analytics.console.format import exact_money, number
from costs.bookshelf import catalogue_in_force
from costs.models import PriceOverride
from costs.pricing import PriceBook, RateCard, RateTier, default_book
from costs.pricing import meters as m
from costs.services.prices import as_override
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer, person
from gateway.models import Model, Organization, Provider
from gateway.services import upstreams
from gateway.services.errors import ServiceError

PER_PAGE = 50
MOST_PROVIDERS = 200
MOST_ADDED = 500
MILLION = Decimal(1_000_000)
COLUMNS = (m.INPUT, m.CACHE_READ, m.OUTPUT)
OTHERS = {
    m.CACHE_WRITE_5M: "cache write, 5 min", m.CACHE_WRITE_1H: "cache write, 1 h", m.REASONING: "reasoning",
    m.AUDIO_INPUT: "audio in", m.AUDIO_OUTPUT: "audio out", m.REQUEST: "a request", m.IMAGE: "an image",
    m.TOOL_CALL: "a tool call", m.WEB_SEARCH: "a web search",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Price:
    """A model's rates today, in words: `columns` per million tokens in the order of `COLUMNS`, dashes where there is no
    rate; `others` the other classes; `tiers` what long prompts cost."""

    columns: list[str]
    others: list[str]
    tiers: list[str]
    source: str
    subject: str
    since: datetime | None
    is_free: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One model; `price` None: unpriced. `state_url`: where a price can be stated, empty for who may not."""

    model: Model
    limits: str
    price: Price | None
    state_url: str


@require_safe
def model_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Models of the organization and the platform's, fifty a page, with their prices. Six queries."""
    context, organization = frame(request, site, "Models")
    query, provider = (request.GET.get(name, "").replace("\0", "").strip()[:200] for name in ("q", "provider"))
    rows = _visible(request, organization)
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(upstream_name__icontains=query))
    if provider:
        rows = rows.filter(provider__slug=provider)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    prices = _prices(request, organization)
    context |= {
        "rows": [_row(model, prices) for model in page.object_list],
        "page": page, "providers": list(_providers(request, organization)[:MOST_PROVIDERS]), "query": query,
        "provider": provider, "may_change": may_administer(request, organization),
        "sees_own_prices": context["console"].scope.sees_all,
    }  # fmt: skip
    return render(request, "console/models.html", context)


@require_POST
def model_discover(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Ask a provider what it offers (one outbound call) and add the models named in `add`. A fragment for htmx."""
    context, organization = frame(request, site, "Discover models")
    if not may_administer(request, organization):
        raise PermissionDenied
    providers = _providers(request, organization)
    provider = get_object_or_404(providers, pk=_identity(request.POST.get("provider", "")))
    add = request.POST.getlist("add")[:MOST_ADDED]
    context["provider"] = provider
    try:
        found = upstreams.discover(provider=provider, organization=organization, actor=person(request), add=add)
        added = [one for one in found if one.was_added]
        context |= {"found": found, "added": added, "unknown": [one for one in found if one.model is None]}
    except ServiceError as error:
        context["refusal"] = error.message
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, "console/models/discovered.html" if is_part else "console/model_discover.html", context)


def _visible(request: HttpRequest, organization: Organization) -> QuerySet[Model]:
    rows = Model.objects.visible_to(person(request)).filter(Q(organization=organization) | Q(organization=None))
    return rows.select_related("provider").order_by("name", "provider__name", "id")


def _providers(request: HttpRequest, organization: Organization) -> QuerySet[Provider]:
    rows = Provider.objects.visible_to(person(request)).filter(Q(organization=organization) | Q(organization=None))
    return rows.order_by("name", "id")


def _identity(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


# ---- prices ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Prices:
    """What a person may know: the list with the overrides in force that they see, and these by id."""

    organization: Organization
    book: PriceBook
    overrides: Mapping[str, PriceOverride]
    may_state: bool


def _prices(request: HttpRequest, organization: Organization) -> Prices:
    """Two queries, one more after price files were read."""
    rows = PriceOverride.objects.visible_to(person(request)).current(timezone.now())
    rows = rows.filter(Q(organization=organization) | Q(organization=None))
    known, usable = {}, []
    for row in rows:
        try:
            usable.append(as_override(row))
        except ValueError:  # written around the services: the pricer leaves it out too
            continue
        known[str(row.pk)] = row
    may_state = may_administer(request, organization)
    return Prices(
        organization, default_book().with_catalogue(catalogue_in_force()).with_overrides(usable), known, may_state
    )


def _row(model: Model, prices: Prices) -> Row:
    provider = model.provider
    price_list = provider.price_list or provider.kind
    organization = str(prices.organization.pk)
    card = prices.book.resolve(price_list, model.upstream_name, timezone.now(), organization=organization)
    limits = [
        f"{number(model.context_tokens)} in" if model.context_tokens else "",
        f"{number(model.max_output_tokens)} out" if model.max_output_tokens else "",
    ]
    stated = {"organization": organization, "provider": price_list, "model": model.upstream_name}
    url = f"{reverse('admin:costs_priceoverride_add')}?{urlencode(stated)}" if prices.may_state else ""
    return Row(model, ", ".join(filter(None, limits)), _price(card, prices.overrides), url)


def _price(card: RateCard | None, overrides: Mapping[str, PriceOverride]) -> Price | None:
    if card is None or not card.tiers[-1].rates:
        return None
    base, currency = card.tiers[-1].rates, card.currency
    source, subject, since = _source(next(iter(base.values())).rate_id, overrides)
    return Price(
        columns=[_amount(base[meter].unit_price, meter, currency) if meter in base else "–" for meter in COLUMNS],
        others=[
            f"{words} {_amount(base[meter].unit_price, meter, currency)}"
            for meter, words in OTHERS.items()
            if meter in base
        ],
        tiers=[_tier(tier, currency) for tier in reversed(card.tiers[:-1])],
        source=source, subject=subject, since=since, is_free=card.is_free,
    )  # fmt: skip


def _amount(unit_price: Decimal, meter: str, currency: str) -> str:
    return exact_money(unit_price if meter in m.UNIT_METERS else unit_price * MILLION, currency)


def _tier(tier: RateTier, currency: str) -> str:
    rates = [tier.rates[meter] for meter in (m.INPUT, m.OUTPUT) if meter in tier.rates]
    amounts = " and ".join(_amount(rate.unit_price, rate.meter, currency) for rate in rates)
    return f"prompts above {number(tier.above_tokens)}: {amounts}"


def _source(rate_id: str, overrides: Mapping[str, PriceOverride]) -> tuple[str, str, datetime | None]:
    """Where a rate stands, what it is called there, and from when on when that is known."""
    origin, _, rest = rate_id.partition(":")
    row = overrides.get(rest.partition(":")[0]) if origin == "override" else None
    if row is None:
        subject, _, detail = rest.partition(":")
        return origin.replace("@", " "), subject, _day(detail.partition(":")[2])
    whose = "your own price" if row.organization_id else "the platform's price"
    discount = f", {row.discount_percent.normalize():f} % off" if row.discount_percent else ""
    return f"{whose}{discount}", row.source, row.valid_from


def _day(tag: str) -> datetime | None:
    """The list's tag of a rate that began on a day; the first price of a model has none."""
    try:
        return datetime.combine(date.fromisoformat(tag[:10]), time.min, UTC)
    except ValueError:
        return None
