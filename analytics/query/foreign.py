"""Money of other currencies than the one that is kept.

The cubes add it up as it is; beside them is how much of it there is, by everything that they keep. A question about
money has it converted by the rate of each day; what has no rate is in no sum. All of it is told. What organizations
with different currencies spent is not added up at all: there money is None.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from analytics.metrics import Measure
from analytics.query.plan import Plan
from analytics.query.shapes import Note
from analytics.rollups import cubes
from analytics.rollups.cubes import Grain
from gateway.conversion import Conversion, conversion

ZERO = Decimal(0)


class Rate(NamedTuple):
    """What one organization converts one other currency by."""

    organization: UUID
    table: Conversion


@dataclass(frozen=True, slots=True)
class Foreign:
    """Rates of each other currency of the window; `notes`: what is said of them. `is_known`: whether sums of money have
    it converted; else there are none."""

    rates: tuple[Rate, ...]
    notes: tuple[Note, ...]
    is_known: bool = True

    def hides(self, measure: Measure) -> bool:
        """Whether the measure has no value: it would add up different currencies."""
        return not self.is_known and (measure.is_money or bool(cubes.MONEY_SUMS & measure.sums))


def foreign_of(plan: Plan) -> Foreign | None:
    """What a question about money has of other currencies; None where there is none. One statement, and one for each
    currency of an organization, where there has ever been any."""
    scope = plan.scope
    if not scope.has_foreign or not plan.reads_money:
        return None
    if scope.has_currencies:
        words = "The organizations keep different currencies: what they spent is not added up. Ask for one of them."
        return Foreign((), (Note("currencies_mixed", words),), is_known=False)
    days = _days(plan)
    if not days:
        return None
    rates = tuple(Rate(one, conversion(one, currency, scope.currency)) for one, currency in days)
    return Foreign(rates, tuple(_notes(scope.currency, days, rates)))


def table_of(plan: Plan) -> str:
    """Where the money of other currencies is kept as finely as the cube of the question."""
    return cubes.FOREIGN_TABLES[Grain.MINUTE if plan.cube is cubes.LIVE else Grain.QUARTER_HOUR]


Days = dict[tuple[UUID, str], list[tuple[datetime, Decimal]]]


def _days(plan: Plan) -> Days:
    """By organization and currency, what was charged on each day (UTC) of the windows; without filters."""
    visible, parameters = plan.scope.predicate()
    start = plan.window[0] if plan.previous is None else min(plan.window[0], plan.previous[0])
    whole = "" if plan.cube is cubes.LIVE else "AND name IS NULL"
    found: Days = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT organization, currency, (bucket AT TIME ZONE 'UTC')::date, sum(cost) FROM {table_of(plan)} "
            f"WHERE ({visible}) AND bucket >= %(start)s AND bucket < %(end)s {whole} GROUP BY 1, 2, 3 ORDER BY 2, 1, 3",
            {**parameters, "start": start, "end": plan.window[1]},
        )
        for organization, currency, day, amount in cursor.fetchall():
            found[organization, currency].append((datetime.combine(day, time.min, UTC), amount))
    return dict(found)


def _notes(kept: str, days: Days, rates: Sequence[Rate]) -> Iterable[Note]:
    """Two at most for each currency, of all organizations together."""
    stated: dict[str, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    missing: dict[str, list[Decimal]] = defaultdict(list)
    for ((_, currency), parts), rate in zip(days.items(), rates, strict=True):
        for day, amount in parts:
            converted = rate.table.convert(amount, day)
            if converted is None:
                missing[currency].append(amount)
            else:
                stated[currency].append((amount, converted))
    for currency in dict.fromkeys(currency for _, currency in days):
        amount, converted = (sum(column, ZERO) for column in zip(*stated[currency] or [(ZERO, ZERO)], strict=True))
        if amount or converted:
            words = f"{amount:,.2f} {currency} of this time are in cost as {converted:,.2f} {kept}, by the day's rates."
            yield Note("currencies_converted", words)
        if currency in missing:
            amount = sum(missing[currency], ZERO)
            words = f"{amount:,.2f} {currency} of this time have no exchange rate to {kept}, and are in no cost."
            yield Note("rate_missing", words)
