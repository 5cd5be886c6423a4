"""Money of other currencies than the one that is kept.

The cubes add it up as it is; the charge rollup knows how much it is and whose. Where a question asks by nothing that
charges are not kept by, sums of cost have it converted by the rate of each day; what has no rate is in no sum. All of
it is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal

from django.db import connection

from analytics.query.plan import Plan
from analytics.query.shapes import Note
from analytics.rollups import cubes
from gateway.conversion import Conversion, conversion

COLUMNS = frozenset({"organization", "team", "project", "api_key", "provider", "model"})
"""What charges are kept by."""
CORRECTED: dict[str, tuple[str, ...]] = {
    "cost": (), "input_cost": cubes.INPUT_METERS, "output_cost": cubes.OUTPUT_METERS, "cache_cost": cubes.CACHE_METERS,
}  # fmt: skip
"""Sums that are made right, with the meters that are in them; all of them: ()."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Rates of each other currency of the window; `notes`: what is said of them. `is_corrected`: sums of cost have it
    converted."""

    rates: tuple[Conversion, ...]
    notes: tuple[Note, ...]
    is_corrected: bool


def foreign_of(plan: Plan) -> Foreign | None:
    """What a question about money has of other currencies; None where there is none. One statement, and one for each
    currency, where the organization has ever had any."""
    scope = plan.scope
    if not scope.has_foreign or not any(measure.is_money for measure in plan.measures):
        return None
    if scope.own:  # charges are not kept by person
        words = f"What is charged in other currencies is in the sums as if it were {scope.currency}."
        return Foreign((), (Note("currencies_mixed", words),), False)
    days = _days(plan)
    if not days:
        return None
    if not _may_correct(plan):
        return Foreign((), (_mixed(plan, days, "the sums"),), False)
    rates = tuple(conversion(scope.organizations[0], currency, scope.currency) for currency in days)
    return Foreign(rates, tuple(_notes(plan, days, rates)), True)


Days = dict[str, list[tuple[datetime, Decimal]]]


def _days(plan: Plan) -> Days:
    """By currency, what was charged on each day (UTC) of the windows; without filters."""
    visible, parameters = plan.scope.predicate()
    start = plan.window[0] if plan.previous is None else min(plan.window[0], plan.previous[0])
    found: Days = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT currency, (bucket AT TIME ZONE 'UTC')::date, sum(cost) FROM {cubes.CHARGE_TABLE} "
            f"WHERE ({visible}) AND bucket >= %(start)s AND bucket < %(end)s AND currency <> %(kept)s AND cost <> 0 "
            "GROUP BY 1, 2 ORDER BY 1, 2",
            {**parameters, "start": start, "end": plan.window[1], "kept": plan.scope.currency},
        )
        for currency, day, amount in cursor.fetchall():
            found[currency].append((datetime.combine(day, time.min, UTC), amount))
    return dict(found)


def _may_correct(plan: Plan) -> bool:
    scope = plan.scope
    start = plan.window[0] if plan.previous is None else min(plan.window[0], plan.previous[0])
    is_kept = scope.quarters_from is None or start >= scope.quarters_from
    is_covered = plan.subject is None and plan.cube is not cubes.LIVE and COLUMNS.issuperset(plan.columns)
    return is_kept and is_covered and len(scope.organizations) == 1


def _notes(plan: Plan, days: Days, rates: Sequence[Conversion]) -> Iterable[Note]:
    kept = plan.scope.currency
    for (currency, parts), table in zip(days.items(), rates, strict=True):
        known = [(amount, table.convert(amount, day)) for day, amount in parts]
        stated = [(amount, converted) for amount, converted in known if converted is not None]
        if stated:
            amount, converted = (sum(column, Decimal(0)) for column in zip(*stated, strict=True))
            words = f"{amount:,.2f} {currency} of this time are in cost as {converted:,.2f} {kept}, by the day's rates."
            yield Note("currencies_converted", words)
        if missing := sum((amount for amount, converted in known if converted is None), Decimal(0)):
            words = f"{missing:,.2f} {currency} of this time have no exchange rate to {kept}, and are in no cost."
            yield Note("rate_missing", words)
    raw = cubes.MONEY_SUMS.intersection(plan.sums) - set(CORRECTED)
    named = [measure.label for measure in plan.measures if raw & set(measure.sums)]
    if named:
        yield _mixed(plan, days, ", ".join(named))


def _mixed(plan: Plan, days: Days, where: str) -> Note:
    told = ", ".join(
        f"{sum((amount for _, amount in parts), Decimal(0)):,.2f} {currency}" for currency, parts in days.items()
    )
    return Note("currencies_mixed", f"{told} of this time are in {where} as if they were {plan.scope.currency}.")
