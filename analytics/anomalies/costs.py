"""The cells of a cost change: what was charged by project and model, now and in the same hours a week before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncDay

from analytics.anomaly.frame import Scope
from analytics.explain import Cell, Effects, decompose
from analytics.models import ChargeRollup, ForeignQuarterHour, ProjectQuarterHour
from gateway.conversion import Conversion, conversion, rounded
from gateway.models import Organization

WEEK = timedelta(days=7)
COLUMNS = {"team": "team", "project": "project", "provider": "provider", "model": "model"}
TENTH_PLACE = Decimal("1e-10")
ZERO = Decimal(0)
Names = tuple[str, str, str]
Rates = dict[str, Conversion]


def effects(organization: Organization, scope: Scope, start: datetime, end: datetime) -> Effects:
    """Of `[start, end)` against the same hours a week earlier. Money of other currencies by the rate of its day, that
    without a rate left out. Six queries, one more for each other currency. A scope that charges and requests are not
    both kept by (a key, a requested model) is the whole organization."""
    rates: Rates = {}
    return decompose(
        _cells(organization, scope, start - WEEK, end - WEEK, rates), _cells(organization, scope, start, end, rates)
    )


def _cells(
    organization: Organization, scope: Scope, start: datetime, end: datetime, rates: Rates
) -> Mapping[str, Cell]:
    where: dict[str, object] = {"organization": organization.pk, "bucket__gte": start, "bucket__lt": end}
    if scope[0] in COLUMNS:
        where[COLUMNS[scope[0]]] = scope[1]
    by = ("project", "provider", "model")
    quantities: dict[Names, dict[str, Decimal]] = defaultdict(dict)
    costs: dict[Names, dict[str, Decimal]] = defaultdict(dict)
    day = TruncDay("bucket", tzinfo=UTC)
    charges = ChargeRollup.objects.filter(**where).values(*by, "meter", "currency", day=day).order_by()
    for row in charges.annotate(quantity_sum=Sum("quantity"), cost_sum=Sum("cost")):
        name, meter = _name(row), row["meter"]
        cost = _kept(organization, rates, row["currency"], row["day"], row["cost_sum"])
        quantities[name][meter] = quantities[name].get(meter, ZERO) + (row["quantity_sum"] or ZERO)
        costs[name][meter] = costs[name].get(meter, ZERO) + cost
    counted: dict[Names, tuple[int, Decimal]] = {}
    figures = ProjectQuarterHour.objects.filter(**where).values(*by).order_by()
    for row in figures.annotate(request_sum=Sum("requests"), retry_sum=Sum("retry_cost")):
        counted[_name(row)] = (int(row["request_sum"] or 0), row["retry_sum"] or ZERO)
    others = ForeignQuarterHour.objects.filter(**where, name=None).values(*by, "currency", day=day).order_by()
    for row in others.annotate(retry_sum=Sum("retry_cost")):  # they are among the retries of the cube as they are
        requests, retry = counted[_name(row)]
        converted = _kept(organization, rates, row["currency"], row["day"], row["retry_sum"])
        counted[_name(row)] = (requests, retry - row["retry_sum"] + converted)
    return {
        "/".join(name): cell(*counted.get(name, (0, Decimal(0))), quantities[name], costs[name])
        for name in counted.keys() | costs.keys()
    }


def _name(row: Mapping[str, Any]) -> Names:
    return str(row["project"]), str(row["provider"]), str(row["model"])


def _kept(organization: Organization, rates: Rates, currency: str, day: datetime, amount: Decimal | None) -> Decimal:
    """The amount in the organization's currency; 0 without a rate, as in every other sum."""
    if not amount or currency == organization.currency:
        return amount or ZERO
    if currency not in rates:
        rates[currency] = conversion(organization.pk, currency, organization.currency)
    converted = rates[currency].convert(amount, day)
    return ZERO if converted is None else rounded(converted)


def cell(requests: int, retry: Decimal, quantities: Mapping[str, Decimal], costs: Mapping[str, Decimal]) -> Cell:
    """Charges include those of retries, which are not kept by meter: each meter gives its part of them."""
    whole = sum(costs.values(), Decimal(0))
    if not retry or whole <= 0 or retry > whole:
        return Cell(requests, quantities, costs)
    kept = {meter: (cost - cost * retry / whole).quantize(TENTH_PLACE) for meter, cost in costs.items()}
    largest = max(kept, key=lambda meter: kept[meter])
    kept[largest] += whole - retry - sum(kept.values(), Decimal(0))
    less = {meter: amount * (1 - retry / whole) for meter, amount in quantities.items()}
    return Cell(requests, less, kept, retry)
