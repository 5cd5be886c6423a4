"""Where the two public lists differ: a queue of models, and what a superuser decides about each."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from costs.bookshelf import catalogue_in_force
from costs.choices import ReviewState
from costs.models import PriceReview
from costs.pricing import meters as m
from costs.pricing.cards import Rate, RateCard
from costs.pricing.listing import PriceList
from costs.services import backfill
from gateway.models import User
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

TOLERANCE = Decimal("0.01")
CONTEXTS: tuple[dict[str, str], ...] = (
    {}, {"processing": "batch"}, {"service_tier": "flex"}, {"service_tier": "priority"},
)  # fmt: skip
DECISIONS = {ReviewState.KEPT, ReviewState.TAKEN, ReviewState.OPEN}


@transaction.atomic
def compare_lists() -> int:
    """Bring the queue up to date; how many models are open. A decision stands until the difference is another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('price reviews', 0))")
    now, first, second = datetime.now(UTC), PriceList(), catalogue_in_force()
    known = {(row.provider, row.model): row for row in PriceReview.objects.all()}
    seen: set[tuple[str, str]] = set()
    made: list[PriceReview] = []
    changed: list[PriceReview] = []
    for provider, model in second.models:
        found = list(_differences(first, second, provider, model, now))
        if not found:
            continue
        seen.add((provider, model))
        largest = max(Decimal(one["percent"]) for one in found)
        row = known.get((provider, model))
        if row is None:
            made.append(PriceReview(provider=provider, model=model, differences=found, largest_percent=largest))
        elif row.differences != found or row.state == ReviewState.SETTLED:
            row.differences, row.largest_percent, row.updated_at = found, largest, now
            row.state, row.decided_by, row.decided_at = ReviewState.OPEN, None, None
            changed.append(row)
    for key, row in known.items():
        if key not in seen and row.state != ReviewState.SETTLED:
            row.state, row.updated_at = ReviewState.SETTLED, now
            changed.append(row)
    PriceReview.objects.bulk_create(made)
    fields = ["differences", "largest_percent", "state", "decided_by", "decided_at", "updated_at"]
    PriceReview.objects.bulk_update(changed, fields, batch_size=500)
    return PriceReview.objects.filter(state=ReviewState.OPEN).count()


def _differences(first: PriceList, second: Any, provider: str, model: str, at: datetime) -> Iterator[dict[str, Any]]:
    """Token rates that both state for the same context and bound, and that differ by more than 1 % of the dearer."""
    for context in CONTEXTS:
        ours, theirs = (
            first.card_at(provider, model, at, context).card,
            second.card_at(provider, model, at, context).card,
        )
        if ours is None or theirs is None or ours.flags or theirs.flags:
            continue
        for bound in sorted({tier.above_tokens for card in (ours, theirs) for tier in card.tiers}):
            yield from _at_bound(ours, theirs, context, bound)


def _at_bound(ours: RateCard, theirs: RateCard, context: dict[str, str], bound: int) -> Iterator[dict[str, Any]]:
    mine, other = ours.rates_for(bound + 1), theirs.rates_for(bound + 1)
    for meter in m.TOKEN_METERS:
        if not _states(mine, meter) or not _states(other, meter):
            continue
        a, b = mine[meter].unit_price, other[meter].unit_price
        dearer = max(a, b)
        if dearer and abs(a - b) > TOLERANCE * dearer:
            yield {
                "context": ",".join(f"{key}={value}" for key, value in context.items()), "above_tokens": bound,
                "meter": meter, "first": f"{a.normalize():f}", "second": f"{b.normalize():f}",
                "percent": f"{abs(a - b) / dearer * 100:.2f}",
            }  # fmt: skip


def _states(rates: Mapping[str, Rate], meter: str) -> bool:
    """A rate of its own, none that stands in for it."""
    return meter in rates and rates[meter].meter == meter


@transaction.atomic
def decide_review(*, review: PriceReview, actor: Actor, state: str, note: str = "") -> PriceReview:
    """Keep the first list's price of the model, take the second's, or open the question again. Calls from now on are
    priced so; lines that are booked keep their price until they are re-priced. Raises `Invalid`."""
    if state not in DECISIONS:
        raise Invalid("review_state", "Decide kept or taken, or open it again.", field="state")
    row = PriceReview.objects.select_for_update().get(pk=review.pk)
    before = {"state": row.state, "note": row.note}
    row.state, row.note = state, note
    is_decided = state != ReviewState.OPEN
    row.decided_by = actor if is_decided and isinstance(actor, User) else None
    row.decided_at = timezone.now() if is_decided else None
    row.save()
    after = {"state": row.state, "note": row.note, "provider": row.provider, "model": row.model}
    audit.record(organization=None, actor=actor, verb="price.reviewed", target=row, before=before, after=after)
    backfill.offer(None, f"review:{row.pk}:{row.updated_at.isoformat()}")
    return row
