"""Pricing the estimate of an attempt whose end was never journalled."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.utils.module_loading import import_string

from gateway.dataplane.protocols import PriceColumns, Pricer
from gateway.ledger.booking import TOKEN_COLUMNS
from gateway.ledger.ids import started_at

PARTS = ("image_input_tokens", "image_output_tokens")
"""Parts of the usage that have no column of their own."""


@cache
def _pricer() -> Pricer:
    pricer: Pricer = import_string(settings.GATEWAY_PRICER)()
    return pricer


def price_interrupted(line: Mapping[str, Any], begun: Mapping[str, Any]) -> PriceColumns:
    """Price columns for the estimated usage of an interrupted attempt, at its own start, with today's overrides."""
    pricer = _pricer()
    with psycopg.connect(settings.DATABASE_DIRECT_URL, connect_timeout=5) as connection:
        pricer.reload(connection)
    pricing = begun["pricing"]
    usage = {name: int(line.get(name) or 0) for name in TOKEN_COLUMNS}
    usage |= {name: begun["estimate"][name] for name in PARTS if name in begun.get("estimate", ())}
    return pricer.price(
        usage,
        price_list=pricing["price_list"],
        model=pricing["model"],
        at=started_at(UUID(line["id"])),
        organization=line["organization"],
        context={"region": pricing["region"]} if pricing.get("region") else {},
        served_by=line.get("provider") or "",
    )
