"""What a usage would cost, with the reasons in words. Reads only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from costs.bookshelf import book_of
from costs.models import PriceOverride
from costs.pricing import Charge
from costs.pricing.listing import canonical_provider
from gateway.models import Organization


@dataclass(frozen=True, slots=True)
class Note:
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """`total` None: something that was used has no known price; `notes` say what."""

    provider: str
    model: str
    at: datetime
    currency: str
    total: Decimal | None
    list_total: Decimal | None
    price_status: str
    lines: tuple[Charge, ...]
    notes: list[Note]


def estimate_cost(
    *,
    organization: Organization | None,
    provider: str,
    model: str,
    usage: Mapping[str, int],
    at: datetime,
    context: Mapping[str, str] | None = None,
    overrides: Iterable[PriceOverride] | None = None,
) -> Estimate:
    """Price `usage` as the ledger would for `organization` at `at`. `overrides`: the own prices that the asker may
    know; None for all of the organization's and the platform's."""
    priced = book_of(organization, overrides).price(
        usage, provider=provider, model=model, at=at, context=context or {},
        organization=str(organization.pk) if organization else None,
    )  # fmt: skip
    return Estimate(
        canonical_provider(provider), model, at, priced.currency, priced.total, priced.list_total, priced.status,
        priced.lines, [Note(flag.partition(":")[0], _words(flag)) for flag in priced.flags],
    )  # fmt: skip


def visible_overrides(user: object, organization: Organization) -> Iterable[PriceOverride]:
    """The own prices of the organization, and the platform's, that `user` may know."""
    rows = PriceOverride.objects.visible_to(user)  # type: ignore[arg-type]
    return rows.filter(Q(organization=organization) | Q(organization=None))


def _words(flag: str) -> str:
    kind, _, about = flag.partition(":")
    if kind == "unpriced":
        return f"No price of {about.replace('_', ' ')} is known." if about else "No price of this model is known."
    if kind == "free":
        return "The vendor states that this model is free of charge."
    if kind == "unknown_service_tier":
        return "No price of this tier is known; the standard price stands."
    if kind == "unknown_context":
        return f"No price for this {about} is known; the standard price stands."
    if kind == "inconsistent_usage":
        return "Parts of the usage exceed their whole."
    if kind == "unmetered":
        return f"{about.replace('_', ' ').capitalize()} costs more than what it is counted in."
    return flag
