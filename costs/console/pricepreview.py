"""What a price that is being stated does, beside the vendor's list: said at each field of the form as one types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.console.format import exact_money, percent
from costs.bookshelf import catalogue_in_force
from costs.console.prices import listed
from costs.forms import CLASSES, name_of
from costs.pricing import Override, default_book
from costs.pricing import meters as m
from costs.pricing.cards import Rate, RateCard
from costs.pricing.listing import canonical_provider
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer

MOST_LETTERS = 200
WITHIN = {m.REASONING: m.OUTPUT, m.IMAGE_INPUT: m.INPUT, m.IMAGE_OUTPUT: m.OUTPUT}
"""What is billed within its whole where it has no price of its own."""
NO_GAP = m.INSTEAD_OF_TOKENS | {m.REQUEST, m.TOOL_CALL}
"""What is not missed where tokens have prices; see `costs.pricing.cards`."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands at the field of a meter; `tone` as of pills."""

    meter: str
    text: str
    tone: str = ""


@require_safe
def price_preview(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """A line for each class, swapped out of band. Two queries."""
    _, organization = frame(request, site, "Price")
    if not may_administer(request, organization):
        raise PermissionDenied
    provider, model, currency = (_text(request, name) for name in ("provider", "model", "currency"))
    prices = {meter: amount for meter in CLASSES if (amount := _amount(request, name_of(meter))) is not None}
    discount = _amount(request, "discount_percent")
    card = None
    if provider and model and not model.endswith("*"):
        book = default_book().with_catalogue(catalogue_in_force())
        card = book.resolve(canonical_provider(provider), model, timezone.now())
    own = _own(provider, model, currency.upper() or "USD", prices, discount, card)
    return render(
        request,
        "console/prices/preview.html",
        {"rows": beside(prices, card, own), "summary": _summary(provider, model, card)},
    )


def beside(prices: Mapping[str, Decimal], card: RateCard | None, own: RateCard | None) -> list[Beside]:
    """For each class what the list (`card`) and the price that is stated (`own`) make of it. None: there is none."""
    theirs, ours = _base(card), _base(own)
    return [
        _beside(
            meter, meter in prices, theirs.get(meter), ours.get(meter) or ours.get(WITHIN.get(meter, "")), bool(own)
        )
        for meter in CLASSES
    ]


def _beside(meter: str, is_stated: bool, theirs: Rate | None, ours: Rate | None, has_own: bool) -> Beside:
    list_price = f"list {_money(meter, theirs)}" if theirs else ""
    if not has_own:
        return Beside(meter, list_price)
    if ours is None:
        is_gap = theirs is not None and meter not in NO_GAP
        words = "left out: unpriced" if is_gap else "left out"
        return Beside(meter, f"{words}, {list_price}" if theirs else "", "warn" if is_gap else "")
    own_price = "" if is_stated else f"{_money(meter, ours)}, "
    if theirs is None:
        return Beside(meter, f"{own_price}not in the list" if is_stated else "")
    if theirs.currency != ours.currency:
        return Beside(meter, f"{own_price}{list_price}")
    return Beside(meter, own_price + _change(theirs.unit_price, ours.unit_price, _money(meter, theirs)))


def _change(theirs: Decimal, ours: Decimal, list_price: str) -> str:
    if ours == theirs:
        return f"as the list, {list_price}"
    if not theirs:
        return "free in the list"
    return f"{percent(abs(ours / theirs - 1))} {'below' if ours < theirs else 'above'} the list's {list_price}"


def _own(
    provider: str, model: str, currency: str, prices: Mapping[str, Decimal], discount: Decimal | None,
    card: RateCard | None,
) -> RateCard | None:  # fmt: skip
    """The card that this price makes; None while it is none."""
    if not prices and not discount:
        return None
    try:
        stated = Override(
            id="new", organization=None, provider=provider or "-", model=model or "-", valid_from=timezone.now(),
            prices=prices, currency=currency, discount_percent=discount,
        )  # fmt: skip
    except ValueError:
        return None
    return stated.card(canonical_provider(provider), model, {}, card)


def _base(card: RateCard | None) -> Mapping[str, Rate]:
    return card.tiers[-1].rates if card and card.tiers else {}


def _money(meter: str, rate: Rate) -> str:
    return exact_money(listed(meter, rate.unit_price), rate.currency)


def _summary(provider: str, model: str, card: RateCard | None) -> str:
    if not provider or not model:
        return "Name the provider and the model to see the vendor's list beside each price."
    if model.endswith("*"):
        return "A prefix stands for many models: there is no one list price to compare with."
    if card is None:
        return f"No public list names {model} of {provider}: what is left out here is unpriced."
    return f"Beside each price: what the public list asks for {model} today, at the standard tier."


def _text(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()[:MOST_LETTERS]


def _amount(request: HttpRequest, name: str) -> Decimal | None:
    """None for what is no price; the form says so when it is sent."""
    try:
        amount = Decimal(_text(request, name)[:40])
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 and abs(amount.adjusted()) < 30 else None
