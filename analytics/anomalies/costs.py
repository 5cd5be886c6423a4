"""The cells of a cost change: what was charged by project and model, now and in the same hours a week before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Sum

from analytics.anomaly.frame import Scope
from analytics.explain import Cell, Effects, decompose
from analytics.models import ChargeRollup, ProjectQuarterHour
from gateway.models import Organization

WEEK = timedelta(days=7)
COLUMNS = {"team": "team", "project": "project", "provider": "provider", "model": "model"}
TENTH_PLACE = Decimal("1e-10")
Names = tuple[str, str, str]


def effects(organization: Organization, scope: Scope, start: datetime, end: datetime) -> Effects:
    """Of `[start, end)` against the same hours a week earlier. Four queries. A scope that charges and requests are
    not both kept by (a key, a requested model) is the whole organization."""
    return decompose(
        _cells(organization, scope, start - WEEK, end - WEEK),
        _cells(organization, scope, start, end),
    )


def _cells(organization: Organization, scope: Scope, start: datetime, end: datetime) -> Mapping[str, Cell]:
    where: dict[str, object] = {"organization": organization.pk, "bucket__gte": start, "bucket__lt": end}
    if scope[0] in COLUMNS:
        where[COLUMNS[scope[0]]] = scope[1]
    by = ("project", "provider", "model")
    quantities: dict[Names, dict[str, Decimal]] = defaultdict(dict)
    costs: dict[Names, dict[str, Decimal]] = defaultdict(dict)
    charges = ChargeRollup.objects.filter(**where).values(*by, "meter").order_by()
    for row in charges.annotate(quantity_sum=Sum("quantity"), cost_sum=Sum("cost")):
        name = (str(row["project"]), str(row["provider"]), str(row["model"]))
        quantities[name][row["meter"]] = row["quantity_sum"] or Decimal(0)
        costs[name][row["meter"]] = row["cost_sum"] or Decimal(0)
    counted: dict[Names, tuple[int, Decimal]] = {}
    figures = ProjectQuarterHour.objects.filter(**where).values(*by).order_by()
    for row in figures.annotate(request_sum=Sum("requests"), retry_sum=Sum("retry_cost")):
        name = (str(row["project"]), str(row["provider"]), str(row["model"]))
        counted[name] = (int(row["request_sum"] or 0), row["retry_sum"] or Decimal(0))
    return {
        "/".join(name): cell(*counted.get(name, (0, Decimal(0))), quantities[name], costs[name])
        for name in counted.keys() | costs.keys()
    }


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
