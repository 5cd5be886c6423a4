"""Ledger lines added up by hour or day so that another price can be put on many of them at once. Reads only.

Prices are linear in tokens within one tier of a card, so the sum of a bucket priced once is the sum of its lines priced
one by one, up to the rounding of each charge at the tenth place. Tiers go by the size of each request (of a line of
several, by their mean), so the lines are parted at the thresholds of the card before they are added up. Vendor-run
searches and tokens of images have no column on a line; what they cost stays in the actual cost alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from costs.pricing import PriceBook, RateCard, price_with
from costs.savings.proposals import Slice
from gateway.ledger.schema import TABLE
from gateway.models import Organization

ZERO = Decimal(0)
TOKENS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "audio_input_tokens", "audio_output_tokens", "image_units", "tool_calls", "characters",
    "audio_ms",
)  # fmt: skip
SLICED = {
    "project": "l.project", "team": "l.team", "api_key": "l.api_key", "provider": "l.provider",
    "model": "l.model_served", "endpoint": "l.endpoint", "route": "l.route",
}  # fmt: skip
IDS = frozenset({"project", "team", "api_key"})
Grain = Literal["hour", "day"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Lines of one hour or day (UTC), project, provider, model and tier that fall between the same thresholds, and that
    are embeddings or are none. `above`: how many thresholds their input exceeds. `unpriced` lines are in no other
    figure."""

    start: datetime
    project: str
    provider: str
    model: str
    tier: str
    above: int
    lines: int
    requests: int
    cost: Decimal
    unpriced: int
    usage: Mapping[str, int] = field(default_factory=dict)
    is_embedding: bool = False


@dataclass(frozen=True, slots=True)
class Which:
    """Lines of an organization in `[start, end)`: of a slice, of one currency, and where `rule` is given those that a
    rule of a route sent to (`arm`: only this arm of its split)."""

    organization: Organization
    start: datetime
    end: datetime
    calls: Slice
    currency: str
    rule: str = ""
    arm: str = ""
    tier: str = ""
    user: UUID | None = None


def condition(which: Which) -> tuple[str, dict[str, Any]]:
    """SQL over the ledger as `l`, and its parameters."""
    parts = [
        "l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s "
        "AND l.currency = %(currency)s"
    ]
    values: dict[str, Any] = {
        "organization": which.organization.pk, "start": which.start, "end": which.end, "currency": which.currency
    }  # fmt: skip
    for name, value in which.calls.filters():
        parts.append(f"{SLICED[name]} = %({name})s{'::uuid' if name in IDS else ''}")
        values[name] = value
    for name, column in (("rule", "l.route_decision->>'rule'"), ("arm", "l.route_decision->>'variant'"),
                         ("tier", "l.service_tier_served")):  # fmt: skip
        if value := getattr(which, name):
            parts.append(f"{column} = %({name})s")
            values[name] = value
    if which.user is not None:
        parts.append('l."user" = %(user)s')
        values["user"] = which.user
    return " AND ".join(parts), values


def read(which: Which, *, grain: Grain, thresholds: Sequence[int] = ()) -> list[Bucket]:
    """One query over the ledger, by time. A line's adjusting entries count into its cost."""
    where, values = condition(which)
    tokens = ", ".join(f"coalesce(sum(l.{name}) FILTER (WHERE {PRICED}), 0)::bigint" for name in TOKENS)
    size = "l.input_tokens::numeric / greatest(l.request_count, 1)"
    above = " + ".join(f"({size} > %(t{n})s)::int" for n in range(len(thresholds))) or "0"
    values |= {f"t{n}": bound for n, bound in enumerate(thresholds)}
    statement = (
        f"SELECT date_trunc('{grain}', l.started_at, 'UTC'), l.project::text, coalesce(l.provider, ''), "
        f"coalesce(l.model_served, l.model_requested), coalesce(l.service_tier_served, ''), {above}, "
        f"count(*) FILTER (WHERE {PRICED}), coalesce(sum(l.request_count) FILTER (WHERE {PRICED} AND l.is_final), 0), "
        f"coalesce(sum(l.cost), 0), count(*) FILTER (WHERE l.kind = 'attempt' AND l.price_status = 'unpriced'), "
        f"coalesce(sum(l.request_count) FILTER (WHERE {PRICED}), 0)::bigint, {tokens}, {EMBEDS} "
        f"FROM {TABLE} l WHERE {where} AND l.kind IN ('attempt', 'adjustment') "
        f"GROUP BY 1, 2, 3, 4, 5, 6, {EMBEDS} ORDER BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    return [
        Bucket(  # type: ignore[misc]
            *row[:10], usage={"requests": row[10], **dict(zip(TOKENS, row[11:-1], strict=True))}, is_embedding=row[-1]
        )
        for row in rows
    ]


PRICED = "l.kind = 'attempt' AND l.price_status <> 'unpriced'"
EMBEDS = "(position('embeddings' in l.endpoint) > 0)"
TIERS = ("", "batch", "flex", "priority")
"""Served tiers with prices of their own."""


def thresholds_of(cards: Iterable[RateCard]) -> tuple[int, ...]:
    """Where the tiers of these cards begin, ascending."""
    bounds = {tier.above_tokens for card in cards for tier in card.tiers}
    return tuple(sorted(bound for bound in bounds if bound >= 0))


def priced(bucket: Bucket, card: RateCard, thresholds: Sequence[int], usage: Mapping[str, int] | None = None) -> Any:
    """What the bucket would cost by `card` (`Decimal`), None when something used has no price. `thresholds`: those that
    it was read with; `usage`: in the place of its own."""
    size = thresholds[bucket.above - 1] + 1 if bucket.above else 0
    rates = card.rates_for(size)
    tier = next(tier for tier in card.tiers if tier.rates is rates)
    single = replace(card, tiers=(replace(tier, above_tokens=-1),), list_card=None, overridden=False)
    return price_with(single, usage or bucket.usage).total


@dataclass(frozen=True, slots=True)
class Shelf:
    """The organization's prices by the names that lines bear."""

    book: PriceBook
    targets: Any
    organization: str

    def card(self, provider: str, model: str, at: datetime, context: Mapping[str, str]) -> RateCard | None:
        """None when nobody states a price."""
        price_list, name, where = self._place(provider, model)
        return self.book.resolve(price_list, name, at, {**where, **context}, self.organization)

    def cards(self, provider: str, model: str, start: datetime, end: datetime) -> list[RateCard]:
        """Every card that prices a call of `[start, end)`, of all served tiers."""
        price_list, name, where = self._place(provider, model)
        return [
            card
            for tier in TIERS
            for _, _, card in self.book.spans(
                price_list, name, start, end, {**where, **context_of(tier)}, self.organization
            )
            if card is not None
        ]

    def _place(self, provider: str, model: str) -> tuple[str, str, dict[str, str]]:
        target = self.targets.of({"provider": provider, "model_served": model, "model_requested": model})
        return target.price_list, target.model, {"region": target.region} if target.region else {}


def context_of(tier: str) -> dict[str, str]:
    """How a served tier is priced."""
    return {"processing": "batch"} if tier == "batch" else {"service_tier": tier} if tier else {}
