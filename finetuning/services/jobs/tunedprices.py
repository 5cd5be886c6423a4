"""The price of a tuned model's tokens, stated for the gateway when the model begins to answer.

By the vendor's list, or by its word that it is the base's; else none, and why. Calls of a model without a price are
unpriced, never free.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from costs.bookshelf import book_of
from costs.models import PriceOverride
from costs.pricing import TOKEN_METERS, RateCard
from costs.pricing.listing import canonical_provider
from costs.services.prices import set_price_override
from finetuning.estimates import base_rule_of, tuned_rate_of
from finetuning.estimates.price import MILLION
from gateway import provideroptions
from gateway.models import Organization, Provider
from gateway.services.errors import Conflict, ServiceError

BASE_TIER = -1


@dataclass(frozen=True, slots=True)
class TunedPrice:
    """`prices`, `tiers` as price overrides have them; `prices` empty: none is known, `reason` says why."""

    prices: Mapping[str, Decimal]
    tiers: tuple[Mapping[str, Any], ...] = ()
    currency: str = "USD"
    source: str = ""
    note: str = ""
    reason: str = ""


def price_of_tuned(
    *, organization: Organization, provider: Provider, backend: str, base_model: str, at: datetime
) -> TunedPrice:  # fmt: skip
    """At `at`. Three queries where the base decides."""
    if (rate := tuned_rate_of(backend, base_model)) is not None:
        note = f"Read on {rate.read_on}; of models tuned from {rate.model}; confidence {rate.confidence}."
        return TunedPrice(rate.prices, source=rate.source, note=note)
    rule = base_rule_of(backend)
    if rule is None:
        return TunedPrice({}, reason="No price of its tokens is known.")
    if not rule.is_base_price:
        return TunedPrice({}, source=rule.source, reason=rule.note)
    region = provideroptions.price_region(provider.kind, provider.base_url, provider.options)
    card = book_of(organization).resolve(
        canonical_provider(provider.price_list or provider.kind), base_model, at, {"region": region} if region else {},
        str(organization.pk),
    )  # fmt: skip
    if card is None or "output" not in card.tiers[-1].rates:
        reason = f"Its tokens cost what those of {base_model} cost, whose price is not known."
        return TunedPrice({}, source=rule.source, reason=reason)
    note = f"{rule.note} Of {base_model} on {at:%Y-%m-%d}; confidence {rule.confidence_of(base_model)}."
    return _of_card(card, rule.source, note)


def _of_card(card: RateCard, source: str, note: str) -> TunedPrice:
    each = {
        tier.above_tokens: {
            # tools are not the model's
            meter: rate.unit_price * MILLION for meter, rate in tier.rates.items() if meter in TOKEN_METERS
        }
        for tier in card.tiers
    }  # fmt: skip
    tiers = [
        {"service_tier": "", "above_tokens": above, "prices": prices}
        for above, prices in each.items() if above != BASE_TIER
    ]  # fmt: skip
    return TunedPrice(each[BASE_TIER], tuple(tiers), card.currency, source, note)


BY_THE_HOUR = TunedPrice(
    {"input": Decimal(0), "output": Decimal(0)}, source="billed by the hour",
    note="Its dedicated deployment is billed by the hour, and no tokens beside it.",
)  # fmt: skip


def state_price(
    *, organization: Organization, provider: Provider, backend: str, base_model: str, model: str, at: datetime,
    bills_tokens: bool = True,
) -> str:  # fmt: skip
    """State the price of `model`, the name that calls are sent under, from `at` on, unless somebody has stated one.
    `bills_tokens` False: its hours are billed and nothing else. Returns why there is none, or nothing."""
    listed = provider.price_list or provider.kind
    if PriceOverride.objects.filter(
        organization=organization, provider=canonical_provider(listed), model=model
    ).exists():  # fmt: skip
        return ""
    found = BY_THE_HOUR
    if bills_tokens:
        found = price_of_tuned(
            organization=organization, provider=provider, backend=backend, base_model=base_model, at=at
        )
    if not found.prices:
        return f"{found.reason} Its calls are unpriced until you state a price under Prices."
    try:
        with transaction.atomic():
            set_price_override(
                organization=organization, provider=listed, model=model, actor=None, valid_from=at,
                prices=found.prices, tiers=found.tiers, currency=found.currency, source=found.source[:200],
                note=found.note,
            )  # fmt: skip
    except Conflict:
        return ""  # somebody has stated one meanwhile
    except ServiceError as error:
        return f"Its price could not be stated: {error.message}"
    return ""
