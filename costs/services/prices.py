"""Verbs that change prices. Each writes its audit row in the same transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import IntegrityError, connection, transaction

from costs.models import PriceOverride
from costs.pricing import Override, parse_prices, parse_tiers
from costs.pricing.listing import canonical_provider
from costs.services import backfill
from gateway.models import Organization
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid

AUDITED = (
    "provider",
    "model",
    "prices",
    "tiers",
    "currency",
    "valid_from",
    "valid_to",
    "discount_percent",
    "source",
    "note",
)


@transaction.atomic
def set_price_override(
    *,
    organization: Organization | None,
    provider: str,
    model: str,
    actor: Actor,
    valid_from: datetime,
    valid_to: datetime | None = None,
    prices: Mapping[str, Decimal | str] | None = None,
    tiers: Sequence[Mapping[str, Any]] = (),
    currency: str = "USD",
    discount_percent: Decimal | None = None,
    source: str = "",
    note: str = "",
) -> PriceOverride:
    """State a price from `valid_from` on and close the one in force before it at that instant.

    `prices`: meter → amount per 1,000,000 tokens or per unit (`costs.pricing.METERS`). `tiers`: `{service_tier,
    above_tokens, prices}`, other prices of a service tier or of longer prompts. `organization` None: everyone.
    Lines that are already booked keep their price. Raises `Invalid`, and `Conflict` when a price that begins later
    would be overlapped, or when a shorter price would end one that goes on after it.
    """
    row = PriceOverride(
        organization=organization,
        provider=canonical_provider(provider),
        model=model.strip(),
        prices={meter: _amount_text(meter, amount) for meter, amount in (prices or {}).items()},
        tiers=[_tier(one) for one in tiers],
        currency=currency.strip().upper(),
        valid_from=valid_from,
        valid_to=valid_to,
        discount_percent=discount_percent,
        source=source,
        note=note,
    )
    _check(row)
    _alone(row)
    _close_former(row, actor)
    _insert(row)
    audit.record(organization=organization, actor=actor, verb="price.set", target=row, after=_values(row))
    backfill.offer(organization, f"price:{row.pk}")
    return row


@transaction.atomic
def close_price_override(*, override: PriceOverride, actor: Actor, valid_to: datetime) -> PriceOverride:
    """End a price at `valid_to`; from then on the platform's, else the list's price applies. Raises `Invalid`,
    `Conflict` when it has already ended before."""
    locked = PriceOverride.objects.select_for_update().get(pk=override.pk)
    if locked.valid_to is not None and locked.valid_to <= valid_to:
        raise Conflict("price_already_ended", f"This price ended at {locked.valid_to.isoformat()}.", field="valid_to")
    if valid_to <= locked.valid_from:
        raise Invalid("price_window", "The price must end after it begins.", field="valid_to")
    _close(locked, valid_to, actor)
    return locked


def as_override(row: PriceOverride) -> Override:
    """The row as the price book knows it. Raises ValueError when it cannot be billed."""
    return Override(
        id=str(row.pk),
        organization=str(row.organization_id) if row.organization_id else None,
        provider=row.provider,
        model=row.model,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        prices=parse_prices(row.prices),
        tiers=parse_tiers(row.tiers),
        currency=row.currency,
        discount_percent=row.discount_percent,
    )


def _tier(given: object) -> dict[str, Any]:
    """A tier as it is stored; what is wrong with it, `as_override` says."""
    if not isinstance(given, Mapping) or not isinstance(given.get("prices"), Mapping):
        raise Invalid("price_invalid", "A tier has service_tier, above_tokens and prices.", field="tiers")
    unknown = set(given) - {"service_tier", "above_tokens", "prices"}
    if unknown:
        raise Invalid("price_invalid", f"A tier has no {', '.join(sorted(unknown))}.", field="tiers")
    prices = {meter: _amount_text(meter, amount) for meter, amount in given["prices"].items()}
    return {
        "service_tier": given.get("service_tier") or "",
        "above_tokens": given.get("above_tokens"),
        "prices": prices,
    }


def _amount_text(meter: str, amount: object) -> str:
    """Exact text of an amount; a float is refused because its digits are not the ones that were agreed."""
    try:
        if not isinstance(amount, Decimal | int | str) or isinstance(amount, bool):
            raise InvalidOperation
        return format(Decimal(amount), "f")
    except InvalidOperation:
        message = f"The price of {meter} must be a decimal such as 2.50."
        raise Invalid("price_amount", message, field="prices") from None


def _check(row: PriceOverride) -> None:
    if not row.provider or not row.model:
        raise Invalid("price_target", "Name the provider and the model.", field="model")
    if len(row.currency) != 3 or not (row.currency.isascii() and row.currency.isalpha()):
        raise Invalid("price_currency", "The currency is a three-letter ISO 4217 code.", field="currency")
    try:
        as_override(row)
    except ValueError as error:
        raise Invalid("price_invalid", f"{error}.", field="prices") from error


def _close_former(row: PriceOverride, actor: Actor) -> None:
    same = PriceOverride.objects.select_for_update().filter(
        organization=row.organization, provider=row.provider, model__iexact=row.model
    )
    for former in same.overlapping(row.valid_from, row.valid_to).order_by("valid_from"):
        if former.valid_from >= row.valid_from:
            raise Conflict(
                "price_overlaps",
                f"A price of this model begins at {former.valid_from.isoformat()}; end this one there at the latest.",
                field="valid_to",
            )
        goes_on = former.valid_to is None or (row.valid_to is not None and former.valid_to > row.valid_to)
        if row.valid_to is not None and goes_on:
            raise Conflict(
                "price_would_lapse",
                "The price in force goes on after this one ends. Close it first, then state what follows.",
                field="valid_to",
            )
        _close(former, row.valid_from, actor)


def _close(row: PriceOverride, valid_to: datetime, actor: Actor) -> None:
    before, row.valid_to = row.valid_to, valid_to
    row.save(update_fields=["valid_to"])
    audit.record(
        organization=row.organization,
        actor=actor,
        verb="price.close",
        target=row,
        before={"valid_to": before},
        after={"valid_to": valid_to},
    )


def _alone(row: PriceOverride) -> None:
    """One statement about a model's price at a time: two that meet in the exclusion constraint would deadlock."""
    subject = f"price:{row.organization_id}:{row.provider}:{row.model.lower()}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [subject])


def _insert(row: PriceOverride) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if "price_override_no_overlap" not in str(error):
            raise
        message = "Another price of this model was stated for the same time meanwhile."
        raise Conflict("price_overlaps", message, field="valid_from") from error


def _values(row: PriceOverride) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AUDITED}
