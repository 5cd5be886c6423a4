"""A sum of charges as a FOCUS row. Pure but for the names it is given.

Costs: BilledCost is the ledger's, to the last digit, and so is EffectiveCost where no commitment is about the charge.
ContractedCost and ListCost are unit price × quantity, as their columns demand, and differ from it by the roundings of
single charges. A day of a commitment that covers calls is a purchase whose fee is recognised in the calls of that day.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any
from uuid import UUID

from analytics.exports.table import Column, Kind
from costs.focus import columns as spec
from costs.focus.meters import FocusMeter, identity, meter_of

PLACES = Decimal("1e-10")
EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
FILLED = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
    "ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName",
    "CommitmentDiscountQuantity", "CommitmentDiscountStatus", "CommitmentDiscountType", "CommitmentDiscountUnit",
    "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost",
    "HostProviderName", "InvoiceDetailId", "InvoiceId", "InvoiceIssuerName", "ListCost", "ListUnitPrice",
    "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "RegionId", "RegionName", "ResourceId",
    "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "ServiceProviderName", "ServiceSubcategory",
    "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
"""In the order of the specification: by name, custom columns last."""
CUSTOM: tuple[tuple[str, Kind], ...] = (
    ("x_CostCenterId", "text"), ("x_ProjectId", "text"), ("x_ProjectName", "text"), ("x_RequestCount", "integer"),
)  # fmt: skip
_KINDS: Mapping[str, Kind] = {"Decimal": "money", "Date/Time": "time"}
COLUMNS = [
    *(Column(name, name, _KINDS.get(spec.BY_NAME[name].type, "text")) for name in FILLED),
    *(Column(name, name, kind) for name, kind in CUSTOM),
]
UNKNOWN = "Unknown"
_OVERRIDE = re.compile(r"^override:[^:]*:[^:]*(?::(?P<listed>.+))?$")

_SINCE = re.compile(r"initial|\d{4}-\d{2}-\d{2}")
"""Since when a list price stands, in its rate id."""


@dataclass(frozen=True, slots=True)
class Summed:
    """Charges of one hour, key, model and rate. `meter` None: what a line cost beyond its charges. `corrected_in`:
    the month in which an adjustment to an earlier, closed month was booked; None for everything else. `listed`: what
    it would cost by the public list. `requests`: calls that had such a charge."""

    bucket: datetime
    organization: UUID
    team: UUID | None
    project: UUID
    api_key: UUID | None
    provider: str | None
    model: str | None
    currency: str
    corrected_in: datetime | None
    meter: str | None
    rate_id: str | None
    unit_price: Decimal | None
    quantity: Decimal
    cost: Decimal
    listed: Decimal
    requests: int
    cost_center: str | None


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who sells it, by which service, on whose machines, and where (empty: not known)."""

    service: str
    seller: str
    host: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of what rows refer to by id."""

    organization: str
    teams: Mapping[UUID, str] = field(default_factory=dict)
    projects: Mapping[UUID, str] = field(default_factory=dict)
    keys: Mapping[UUID, str] = field(default_factory=dict)
    vendors: Mapping[str, Vendor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Committed:
    """The commitment that a row is about. `status`: Used, Unused, or empty for its purchase."""

    id: str
    name: str
    type: str
    category: str
    status: str
    quantity: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Covered:
    """A charge that a commitment covers. `listed`, `contracted`: unit prices in `priced_in` (None: not known), of which
    one unit is `factor` of `billed_in`. `fee`: what of the commitment's fee it carries."""

    committed: Committed
    billed_in: str
    priced_in: str
    listed: Decimal | None
    contracted: Decimal | None
    factor: Decimal
    fee: Decimal


def row_of(item: Summed, names: Names, covered: Covered | None = None) -> dict[str, Any] | None:
    """The row by column name; None when its charges have cancelled each other out."""
    if not item.cost and not item.quantity:
        return None
    row = {**dict.fromkeys(FILLED), **_when(item), **_who(item, names)}
    if item.meter is None:
        return row | _unexplained(item)
    return row | _metered(item, item.meter) | (_covered(item, item.meter, covered) if covered else {})


def purchase_of(item: Summed, names: Names, committed: Committed | None) -> dict[str, Any]:
    """The row of a commitment's day. `committed` None: it covers no calls, so its cost is that of the day itself."""
    day, sku = item.bucket.astimezone(UTC).replace(hour=0), f"{item.provider or UNKNOWN}/{item.rate_id}"
    price, quantity = rounded(item.unit_price or Decimal(0)), item.quantity
    cost = rounded(EXACT.multiply(price, quantity))
    is_metered = committed is not None and committed.category == "Usage" and committed.quantity == quantity
    row = {
        **dict.fromkeys(FILLED), **_when(item), **_who(item, names), **(_committed(committed) if committed else {}),
        "ChargePeriodStart": day, "ChargePeriodEnd": day + timedelta(days=1), "ChargeCategory": "Purchase",
        "ChargeFrequency": "Recurring", "PricingCategory": "Standard", "PricingQuantity": quantity,
        "PricingUnit": committed.unit if committed and is_metered else "Days",
        "ChargeDescription": committed.name if committed else "Commitment that covers no calls",
        "ListUnitPrice": price, "ContractedUnitPrice": price, "PricingCurrencyListUnitPrice": price,
        "PricingCurrencyContractedUnitPrice": price, "ListCost": cost, "ContractedCost": cost, "SkuId": sku,
        "SkuMeter": "Commitment", "SkuPriceId": f"{sku}/standard",
    }  # fmt: skip
    return row | ({"EffectiveCost": Decimal(0), "PricingCurrencyEffectiveCost": Decimal(0)} if committed else {})


def unused_of(purchase: Mapping[str, Any], fee: Decimal, committed: Committed) -> dict[str, Any]:
    """The row of what no call reached of a commitment's day, beside its purchase."""
    nothing = Decimal(0)
    return {
        **purchase, **_committed(committed), "ChargeCategory": "Usage", "PricingCategory": "Committed",
        "ChargeDescription": f"Unused: {committed.name}", "BilledCost": nothing, "EffectiveCost": fee,
        "PricingCurrencyEffectiveCost": fee, "PricingQuantity": nothing, "ListCost": nothing,
        "ContractedCost": nothing,
    }  # fmt: skip


def _committed(one: Committed) -> dict[str, Any]:
    return {
        "CommitmentDiscountId": one.id, "CommitmentDiscountName": one.name, "CommitmentDiscountType": one.type,
        "CommitmentDiscountCategory": one.category, "CommitmentDiscountStatus": one.status or None,
        "CommitmentDiscountQuantity": one.quantity, "CommitmentDiscountUnit": one.unit,
    }  # fmt: skip


def _covered(item: Summed, name: str, covered: Covered) -> dict[str, Any]:
    """Nothing more is billed; what it would cost stays beside what of the fee it carries. Without a price in the list,
    the contracted one stands there, and the other way round."""
    size, quantity = meter_of(name).size, item.quantity
    contracted, listed = (
        EXACT.multiply(next((one for one in both if one is not None), Decimal(0)), size)
        for both in ((covered.contracted, covered.listed), (covered.listed, covered.contracted))
    )
    amount = rounded(EXACT.divide(quantity, size))
    own, public = (rounded(EXACT.multiply(one, covered.factor)) for one in (contracted, listed))
    return {
        **_committed(covered.committed), "PricingCategory": "Committed", "BillingCurrency": covered.billed_in,
        "PricingCurrency": covered.priced_in, "BilledCost": Decimal(0), "EffectiveCost": covered.fee,
        "PricingCurrencyEffectiveCost": rounded(EXACT.divide(covered.fee, covered.factor)),
        "ContractedUnitPrice": own, "ListUnitPrice": public, "PricingCurrencyContractedUnitPrice": rounded(contracted),
        "PricingCurrencyListUnitPrice": rounded(listed), "ContractedCost": rounded(EXACT.multiply(own, amount)),
        "ListCost": rounded(EXACT.multiply(public, amount)),
    }  # fmt: skip


def billed_in(row: dict[str, Any], currency: str, factor: Decimal) -> dict[str, Any]:
    """The row with what is billed in another currency, of which one unit of its own is `factor`. The columns of the
    pricing currency stay."""
    changed: dict[str, Any] = {"BillingCurrency": currency}
    for name in ("BilledCost", "EffectiveCost", "ListUnitPrice", "ContractedUnitPrice"):
        if row[name] is not None:
            changed[name] = rounded(EXACT.multiply(row[name], factor))
    for name, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
        is_product = row[price] is not None and row["PricingQuantity"] is not None
        amount = EXACT.multiply(changed[price], row["PricingQuantity"]) if is_product else None
        changed[name] = rounded(EXACT.multiply(row[name], factor) if amount is None else amount)
    return row | changed


def _when(item: Summed) -> dict[str, Any]:
    at = item.bucket.astimezone(UTC)
    month = (item.corrected_in or at).astimezone(UTC).replace(day=1, hour=0)
    return {
        "ChargePeriodStart": at, "ChargePeriodEnd": at + timedelta(hours=1), "BillingPeriodStart": month,
        "BillingPeriodEnd": _next_month(month), "ChargeClass": "Correction" if item.corrected_in else None,
        "BillingCurrency": item.currency, "PricingCurrency": item.currency, "BilledCost": item.cost,
        "EffectiveCost": item.cost, "PricingCurrencyEffectiveCost": item.cost,
    }  # fmt: skip


def _who(item: Summed, names: Names) -> dict[str, Any]:
    slug = item.provider or UNKNOWN
    vendor = names.vendors.get(slug) or Vendor(slug, slug, slug)
    team, key, project = item.team, item.api_key, names.projects.get(item.project) or str(item.project)
    tags = {"gateway:cost_center": item.cost_center, "gateway:project": project,
            "gateway:team": names.teams.get(team) if team else None}  # fmt: skip
    return {
        "BillingAccountId": str(item.organization), "BillingAccountName": names.organization,
        "SubAccountId": str(team) if team else None,
        "SubAccountName": (names.teams.get(team) or str(team)) if team else None,
        "ResourceId": str(key) if key else None, "ResourceName": names.keys.get(key) if key else None,
        "ResourceType": "API Key" if key else None, "ServiceCategory": spec.AI, "ServiceSubcategory": "Generative AI",
        "ServiceName": vendor.service, "ServiceProviderName": vendor.seller, "InvoiceIssuerName": vendor.seller,
        "HostProviderName": vendor.host, "RegionId": vendor.region or None, "RegionName": vendor.region or None,
        "Tags": _json({name: value for name, value in tags.items() if value}),
        "x_CostCenterId": item.cost_center or None, "x_ProjectId": str(item.project), "x_ProjectName": project,
        "x_RequestCount": item.requests,
    }  # fmt: skip


def _unexplained(item: Summed) -> dict[str, Any]:
    return {
        "ChargeCategory": "Adjustment", "ChargeFrequency": "One-Time", "ContractedCost": item.cost,
        "ListCost": item.cost, "ChargeDescription": "Cost of calls beyond their metered charges",
    }  # fmt: skip


def _metered(item: Summed, name: str) -> dict[str, Any]:
    meter, model = meter_of(name), item.model or UNKNOWN
    quantity, price = item.quantity, item.unit_price
    if price is None or price < 0:  # a charge without a price is one unit of what it cost
        quantity, price = (Decimal(1) if item.cost >= 0 else Decimal(-1)), abs(item.cost)
    listed = price
    if (item.rate_id or "").startswith("override:") and quantity and item.listed / quantity >= 0:
        listed = EXACT.divide(item.listed, quantity)
    amount = rounded(EXACT.divide(quantity, meter.size))
    contracted, listed = (rounded(EXACT.multiply(one, meter.size)) for one in (price, listed))
    sku = f"{item.provider or UNKNOWN}/{model}/{name}"
    return {
        "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based", "PricingCategory": "Standard",
        "ChargeDescription": f"{meter.label} of {model}", "ConsumedQuantity": quantity, "ConsumedUnit": meter.consumed,
        "PricingQuantity": amount, "PricingUnit": meter.priced, "ContractedUnitPrice": contracted,
        "PricingCurrencyContractedUnitPrice": contracted, "ListUnitPrice": listed,
        "PricingCurrencyListUnitPrice": listed, "ContractedCost": rounded(EXACT.multiply(contracted, amount)),
        "ListCost": rounded(EXACT.multiply(listed, amount)), "SkuId": sku, "SkuMeter": meter.label,
        "SkuPriceId": f"{sku}/{qualifier(item.rate_id or '', name)}", "SkuPriceDetails": _json(_details(meter, model)),
    }  # fmt: skip


def qualifier(rate_id: str, meter: str) -> str:
    """What tells prices of one SKU apart: context and tier of the list price; not its source, date or contract."""
    override = _OVERRIDE.match(rate_id)
    listed = rate_id if override is None else override["listed"] or ""
    parts = listed.partition(f":{meter}:")[2].split(":")
    return ":".join(part for part in parts if part and not _SINCE.fullmatch(part)) or "standard"


def _details(meter: FocusMeter, model: str) -> dict[str, str]:
    found = {} if model == UNKNOWN else identity(model)
    if meter.direction:
        found["TokenDirection"] = meter.direction
    if meter.action:
        found["TokenCacheAction"] = meter.action
    return found


def _json(values: Mapping[str, Any]) -> str | None:
    return json.dumps(values, sort_keys=True, ensure_ascii=False) if values else None


def rounded(value: Decimal) -> Decimal:
    """Half-even to the ten places that costs are kept with."""
    return EXACT.quantize(value, PLACES)


def _next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
