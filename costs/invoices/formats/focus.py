"""FOCUS 1.0 to 1.4 cost and usage files (CSV) of any vendor, the gateway's own export among them.

Columns: https://focus.finops.org/focus-specification/ (`ChargePeriodStart`, `BilledCost`, `BillingCurrency`,
`ChargeCategory`, `ConsumedQuantity`, `ConsumedUnit`; `SkuMeter` and `SkuPriceDetails` since 1.2; `ProviderName` until
1.3, `ServiceProviderName` after). The model is `SkuPriceDetails.ModelId` (a property of the 1.5 draft), `x_Model`, or
what `SkuMeter`, `SkuId` and `ChargeDescription` name. Times are RFC 3339 in UTC.
"""

from collections.abc import Iterator
from datetime import datetime

from costs.focus.meters import METERS, meter_of
from costs.invoices.formats import reading
from costs.invoices.formats.reading import Document, Piece
from costs.invoices.items import CREDIT, DISCOUNT, FEE, TAX, USAGE, tier_of
from costs.pricing import meters as m
from costs.pricing.listing import canonical_provider
from gateway.imports import vocabulary
from gateway.imports.records import BadValueError
from gateway.imports.rows.row import Row

NAME = "focus"
ENVELOPE = ""
_KINDS = {"usage": USAGE, "purchase": FEE, "tax": TAX, "credit": CREDIT, "adjustment": DISCOUNT}
_LABELS = {meter.label.lower(): name for name, meter in METERS.items()}
_SIZES = {"tokens": 1, "token": 1, "1k tokens": 1_000, "1000 tokens": 1_000, "1m tokens": 1_000_000,
          "1000000 tokens": 1_000_000}  # fmt: skip
_SELLERS = {
    "openai": "openai", "anthropic": "anthropic", "microsoft": "azure", "amazon web services": "aws", "aws": "aws",
    "google": "google", "google cloud": "google",
}  # fmt: skip


def detect(columns: frozenset[str]) -> bool:
    return {"BilledCost", "ChargePeriodStart"} <= columns


def read(row: Row, document: Document, now: datetime) -> Iterator[Piece]:
    seller = row.label("ServiceProviderName", "ProviderName", "PublisherName") or ""
    if seller:
        known = _SELLERS.get(seller.lower(), seller)
        document.vendors.add(canonical_provider(vocabulary.provider(known) or known))
    yield _piece(row, now)


def _piece(row: Row, now: datetime) -> Piece:
    start = reading.time(row, now, "ChargePeriodStart")
    end = reading.time(row, now, "ChargePeriodEnd") if row.first("ChargePeriodEnd") else None
    cost = reading.amount(row, "BilledCost")
    if cost is None:
        raise BadValueError("BilledCost: missing")
    currency = reading.currency(row, "BillingCurrency")
    kind = _KINDS.get((row.label("ChargeCategory") or "Usage").lower(), FEE)
    details = row.mapping("SkuPriceDetails")
    label = row.label("ChargeDescription") or row.label("SkuMeter") or ""
    if kind != USAGE:
        return Piece(start, None, "", "", None, cost, currency, None, kind, label)
    model, meter = _model(row, details), _meter(row, details)
    unit = (row.label("ConsumedUnit") or "").strip().lower()
    quantity = reading.number(row, "ConsumedQuantity") if meter else None
    if quantity is not None and unit in _SIZES:
        quantity *= _SIZES[unit]
    stated = details.get("ServiceTier") or details.get("x_ServiceTier")
    tier = tier_of(stated) if isinstance(stated, str) else None
    return Piece(start, end, model, meter, quantity, cost, currency, tier, kind, label)


def _model(row: Row, details: dict[str, object]) -> str:
    stated = details.get("ModelId") or row.label("x_Model", "x_ModelId")
    if isinstance(stated, str) and stated:
        return stated
    description = row.label("ChargeDescription") or ""
    _, of, model = description.rpartition(" of ")
    if of and " " not in model:
        return model
    sku = row.label("SkuId") or ""
    return sku.rsplit("/", 1)[-1] if "/" in sku else description.split(",")[0].strip()


def _meter(row: Row, details: dict[str, object]) -> str:
    label = (row.label("SkuMeter") or "").strip().lower()
    if label in _LABELS:
        return _LABELS[label]
    direction, action = details.get("TokenDirection"), details.get("TokenCacheAction")
    if direction == "Output":
        return m.OUTPUT
    if direction == "Input":
        return {"Read": m.CACHE_READ, "Write": m.CACHE_WRITE_5M}.get(str(action), m.INPUT)
    text = f"{label} {row.label('ChargeDescription') or ''}".lower()
    if "token" not in text and "input" not in text and "output" not in text:
        return meter_of(label).label.lower().replace(" ", "_") if label else ""
    if "cache" in text:
        is_write = "write" in text or "creation" in text
        return m.CACHE_WRITE_5M if is_write else m.CACHE_READ
    return m.OUTPUT if "output" in text or "completion" in text else m.INPUT if "input" in text else ""
