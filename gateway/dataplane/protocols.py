"""What the data plane needs from elsewhere, chosen by dotted path in the settings; tests bring fakes."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Protocol, TypedDict

import psycopg


class PriceColumns(TypedDict):
    """The price columns of a ledger line, as they are journalled: money as decimal strings."""

    charges: list[dict[str, str]]
    cost: str | None
    list_cost: str | None
    currency: str
    price_status: str


class Pricer(Protocol):
    """Prices usage in memory. `reload` is called from a thread whenever prices changed; it must swap atomically."""

    def reload(self, connection: psycopg.Connection[Any]) -> None:
        """Read overrides through `connection` (inside its snapshot transaction)."""

    def price(
        self,
        usage: Mapping[str, int],
        *,
        price_list: str,
        model: str,
        at: datetime,
        organization: str,
        context: Mapping[str, str],
    ) -> PriceColumns:
        """Columns for `usage` (token counts by name, as `costs.pricing`). Never raises for an unknown model."""


class UpstreamResponse(Protocol):
    """A response whose head has arrived. `headers` are lower-case names and values in wire order, as bytes."""

    status: int
    headers: list[tuple[bytes, bytes]]

    def chunks(self) -> AsyncIterator[bytes]:
        """Body pieces as they arrive, unbuffered; raises `UpstreamError` on a cut or an idle time-out."""

    async def read(self, limit: int) -> bytes:
        """The whole body; raises `UpstreamError` when it is longer than `limit` bytes."""

    def release(self) -> None:
        """Give the connection back when the body was read to its end, else close it. Idempotent."""
