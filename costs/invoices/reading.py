"""The ledger's side of an invoice: charges by day, model, meter and tier, and usage without a price.

The ledger is read itself: the rollups do not know tiers. One statement for each two days of the window.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q

from costs.currencies.convert import RateTable, table_of
from costs.invoices.items import LONG_CONTEXT, ZERO, Booked, tier_of
from costs.invoices.zones import WIDEST, Hourly
from costs.pricing import meters as m
from costs.pricing.listing import canonical_provider
from costs.services.repricing import Targets
from gateway.imports.linemaker import STATED_METER
from gateway.ledger.schema import TABLE
from gateway.models import Organization, Provider

SLICE = timedelta(days=2)
KINDS = ("attempt", "adjustment")
_WHERE = """l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s
    AND l.provider = ANY(%(providers)s) AND l.kind = ANY(%(kinds)s)"""
_PLACE = """(l.started_at AT TIME ZONE 'UTC' + %(ahead)s)::date AS day, l.provider,
    coalesce(l.model_served, l.model_requested) AS model, coalesce(l.service_tier_served, '') AS tier"""
_CHARGES = f"""SELECT {_PLACE}, l.currency, c ->> 'meter', (c ->> 'rate_id') ~ ':gt[0-9]+',
    sum((c ->> 'quantity')::numeric), sum((c ->> 'cost')::numeric)
  FROM {TABLE} l, jsonb_array_elements(l.charges) c WHERE {_WHERE} AND l.cost IS NOT NULL
  GROUP BY 1, 2, 3, 4, 5, 6, 7"""
_REST = f"""SELECT {_PLACE}, l.currency, '{STATED_METER}', false, sum(l.rest), sum(l.rest)
  FROM (SELECT l.*, l.cost - (SELECT coalesce(sum((c ->> 'cost')::numeric), 0) FROM jsonb_array_elements(l.charges) c)
      AS rest FROM {TABLE} l WHERE {_WHERE} AND l.cost IS NOT NULL) l
  WHERE l.rest <> 0 GROUP BY 1, 2, 3, 4, 5"""
_UNPRICED = f"""SELECT {_PLACE}, sum(l.input_tokens - l.cache_read_tokens - l.cache_write_5m_tokens
      - l.cache_write_1h_tokens - l.audio_input_tokens), sum(l.cache_read_tokens), sum(l.cache_write_5m_tokens),
    sum(l.cache_write_1h_tokens), sum(l.audio_input_tokens), sum(l.output_tokens - l.audio_output_tokens),
    sum(l.audio_output_tokens)
  FROM {TABLE} l WHERE {_WHERE} AND l.cost IS NULL AND NOT EXISTS (SELECT FROM {TABLE} a
      WHERE a.ledger_shard = l.ledger_shard AND a.started_at = l.started_at AND a.kind = 'adjustment'
        AND a.corrects = l.id AND a.price_status <> 'unpriced')
  GROUP BY 1, 2, 3, 4"""
_HOURS = f"""SELECT date_trunc('hour', l.started_at, 'UTC'), l.provider, coalesce(l.model_served, l.model_requested),
    coalesce(sum(l.cost), 0), sum(l.input_tokens + l.output_tokens)
  FROM {TABLE} l WHERE {_WHERE} GROUP BY 1, 2, 3"""
_UNPRICED_METERS = (
    m.INPUT, m.CACHE_READ, m.CACHE_WRITE_5M, m.CACHE_WRITE_1H, m.AUDIO_INPUT, m.OUTPUT, m.AUDIO_OUTPUT,
)  # fmt: skip


@dataclass(slots=True)
class LedgerSide:
    """`names`: model as the vendor calls it → as the ledger does. `sources`: which provider it was billed by.
    `left_out`: currency → cost of charges that no rate converts."""

    booked: list[Booked]
    names: dict[str, set[str]]
    sources: dict[str, str]
    left_out: dict[str, Decimal] = field(default_factory=dict)


def providers_of(organization: Organization, vendor: str) -> list[str]:
    """Names in the ledger of the providers that are billed by `vendor`: those of its kind or price list, and its own
    name, by which imports know it. One query."""
    rows = Provider.objects.filter(Q(organization=organization) | Q(organization=None))
    found = {row.slug for row in rows if canonical_provider(row.price_list or row.kind) == vendor}
    return sorted(found | ({vendor} if vendor else set()))


def read(
    organization: Organization, providers: Sequence[str], start: date, end: date, *, currency: str, targets: Targets,
    ahead: int = 0,
) -> LedgerSide:  # fmt: skip
    """Charges of the days `[start, end)` in `currency`; others are converted where a rate of their day is stated. Days
    begin `ahead` hours before those of UTC. A query more for each other currency."""
    tables: dict[str, RateTable] = {}
    sums: dict[tuple[date, str, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    side = LedgerSide([], defaultdict(set), {})

    def place(day: date, provider: str, model: str, tier: str, meter: str) -> list[Decimal]:
        name = targets.of({"provider": provider, "model_served": model, "model_requested": model}).model
        side.names[name].add(model)
        side.sources.setdefault(name, provider)
        return sums[day, name, meter, tier]

    shift = timedelta(hours=ahead)
    at, last = _midnight(start) - shift, _midnight(end) - shift
    while at < last:
        window = {**_window(organization, providers, at, min(at + SLICE, last)), "ahead": shift}
        with connection.cursor() as cursor:
            for statement in (_CHARGES, _REST):
                cursor.execute(statement, window)
                for day, provider, model, tier, stated, meter, is_long, quantity, cost in cursor.fetchall():
                    table = tables.get(stated) or tables.setdefault(stated, table_of(organization.pk, stated, currency))
                    rate = table.on(day)
                    if rate is None:
                        side.left_out[stated] = side.left_out.get(stated, ZERO) + cost
                        continue
                    found = place(day, provider, model, _tier(tier, is_long=bool(is_long)), meter)
                    found[0] += quantity
                    found[1] += cost * rate.factor
            cursor.execute(_UNPRICED, window)
            for day, provider, model, tier, *counts in cursor.fetchall():
                for meter, count in zip(_UNPRICED_METERS, counts, strict=True):
                    if count:
                        place(day, provider, model, _tier(tier, is_long=False), meter)[2] += count
        at += SLICE
    side.booked = [
        Booked(day, model, meter, tier, *values) for (day, model, meter, tier), values in sums.items() if any(values)
    ]
    return side


def hours(
    organization: Organization, providers: Sequence[str], start: date, end: date, *, targets: Targets
) -> list[Hourly]:
    """Sums by hour from `WIDEST` before `[start, end)` to as long after it, of all currencies alike. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_HOURS, _window(organization, providers, _midnight(start) - WIDEST, _midnight(end) + WIDEST))
        return [
            Hourly(hour, targets.of({"provider": provider, "model_served": model, "model_requested": model}).model,
                   float(cost), int(tokens))
            for hour, provider, model, cost, tokens in cursor.fetchall()
        ]  # fmt: skip


def _window(organization: Organization, providers: Sequence[str], start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "organization": organization.pk, "start": start, "end": end, "providers": list(providers), "kinds": list(KINDS),
    }  # fmt: skip


def _tier(name: str, *, is_long: bool) -> str:
    return "+".join(filter(None, (tier_of(name) or "", LONG_CONTEXT if is_long else "")))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
