"""What was charged in other currencies than the one that is kept: each for itself, and by the rates of its days.

Amounts of different currencies are never added up as they are.
"""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from costs.currencies.convert import table_of
from gateway.ledger.schema import TABLE

_SQL = f"""SELECT currency, (started_at AT TIME ZONE 'UTC')::date, sum(cost) FROM {TABLE}
  WHERE organization = %(organization)s AND started_at >= %(start)s AND started_at < %(end)s AND currency <> %(kept)s
    AND cost <> 0 AND (%(team)s::uuid IS NULL OR team = %(team)s) GROUP BY 1, 2 ORDER BY 1, 2"""


class Foreign(NamedTuple):
    """`converted`: `amount` in the currency that is kept, each day's part by its rate; None when a day has none.
    `rate`: that of the last day, in words."""

    currency: str
    amount: Decimal
    converted: Decimal | None
    rate: str

    def as_json(self) -> dict[str, Any]:
        """Decimals as text."""
        return {
            "currency": self.currency, "amount": f"{self.amount:f}",
            "converted": None if self.converted is None else f"{self.converted:f}", "rate": self.rate,
        }  # fmt: skip


def foreign(
    organization: UUID, start: datetime, end: datetime, kept: str, *, team: UUID | None = None
) -> list[Foreign]:
    """By currency, of the lines that began in `[start, end)`. One query, one more for each currency found."""
    days: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    parameters: dict[str, Any] = {"organization": organization, "start": start, "end": end, "kept": kept, "team": team}
    with connection.cursor() as cursor:
        cursor.execute(_SQL, parameters)
        for currency, day, amount in cursor.fetchall():
            days[currency].append((day, amount))
    return [_of(organization, currency, parts, kept) for currency, parts in days.items()]


def _of(organization: UUID, currency: str, parts: list[tuple[date, Decimal]], kept: str) -> Foreign:
    table = table_of(organization, currency, kept, until=datetime.now(UTC).date())
    stated = table.on(parts[-1][0])
    return Foreign(
        currency, sum((amount for _, amount in parts), Decimal(0)), table.convert(parts),
        "" if stated is None else stated.words(currency, kept),
    )  # fmt: skip
