"""Azure: the cost details file of Cost Management exports, for the meters of Azure OpenAI and Foundry models.

Columns: https://learn.microsoft.com/azure/cost-management-billing/automate/understand-usage-details-fields (spelled
`MeterName` or `meterName`, `CostInBillingCurrency`, `Cost` or `PreTaxCost`, by agreement). Dates are UTC days. Meter
names read `gpt 4o 0806 cached Inp glbl Tokens`, `gpt-4o-mini-0718-Outp-glbl Tokens`, `GPT 5 Mini cchd Inpt Glbl 1M
Tokens` (https://prices.azure.com/api/retail/prices); a quantity of 1 is `UnitOfMeasure` (1K, 1M) of them.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from costs.invoices.formats import reading
from costs.invoices.formats.reading import Document, Piece
from costs.invoices.items import CREDIT, FEE, TAX, USAGE
from costs.pricing import meters as m
from gateway.imports.records import BadValueError
from gateway.imports.rows.row import Row

NAME = "azure"
ENVELOPE = ""
_WORDS = re.compile(r"[\s_-]+")
_SIZES = {"1": 1, "1K": 1_000, "1000": 1_000, "1M": 1_000_000, "1000000": 1_000_000}
_INPUT = frozenset({"inp", "inpt", "input", "in"})
_OUTPUT = frozenset({"outp", "outpt", "output", "out", "opt"})
_CACHED = frozenset({"cached", "cchd", "cache", "cch"})
_TIERS = {"batch": "batch", "btch": "batch", "pp": "priority", "priority": "priority", "flex": "flex"}
_PLACES = frozenset({
    "glbl", "gl", "global", "regnl", "regional", "rgnl", "dzone", "dz", "data", "zone", "std", "tokens", "token", "1m",
    "1k", "txt", "text",
})  # fmt: skip
_KINDS = {"tax": TAX, "refund": CREDIT, "credit": CREDIT, "purchase": FEE}


def detect(columns: frozenset[str]) -> bool:
    lower = {name.lower() for name in columns}
    return "metername" in lower and bool({"metercategory", "metersubcategory"} & lower)


def read(original: Row, document: Document, now: datetime) -> Iterator[Piece] | None:
    row = reading.lowered(original)
    category = " ".join(filter(None, (row.label("metercategory"), row.label("metersubcategory"),
                                      row.label("productname")))).lower()  # fmt: skip
    if not any(word in category for word in ("openai", "foundry models", "azure ai foundry")):
        return None
    document.vendors.add("azure")
    return _piece(row, now)


def _piece(row: Row, now: datetime) -> Iterator[Piece]:
    start = reading.time(row, now, "date", "usagedatetime", "usagedate")
    cost = reading.amount(row, "costinbillingcurrency", "cost", "pretaxcost")
    if cost is None:
        raise BadValueError("CostInBillingCurrency: missing")
    stated = reading.currency(row, "billingcurrency", "billingcurrencycode", "currency")
    kind = _KINDS.get((row.label("chargetype") or "usage").lower(), USAGE)
    name = row.label("metername") or ""
    model, meter, tier = meter_of(name)
    quantity = reading.number(row, "quantity", "usagequantity")
    if kind == USAGE and not meter:
        kind = FEE  # provisioned throughput, hosting: no usage that calls are counted in
    if kind == USAGE and quantity is not None:
        quantity *= _size(row.label("unitofmeasure") or "", name)
    yield Piece(
        start, start + timedelta(days=1), model if kind == USAGE else "", meter if kind == USAGE else "",
        quantity if kind == USAGE else None, cost, stated, tier, kind, name,
    )  # fmt: skip


def _size(unit: str, meter: str) -> Decimal:
    first = unit.strip().split(" ")[0].upper()
    if not first:
        return Decimal(1_000_000 if "1m" in meter.lower() else 1_000)
    if first not in _SIZES:
        raise BadValueError(f"UnitOfMeasure: {unit!r} is no size that tokens are billed in")
    return Decimal(_SIZES[first])


def meter_of(name: str) -> tuple[str, str, str]:
    """Model, meter ("" when it is not one of tokens) and tier of a meter's name."""
    words = [word for word in _WORDS.split(name.lower()) if word]
    tier = next((_TIERS[word] for word in words if word in _TIERS), "")
    is_input, is_output = any(word in _INPUT for word in words), any(word in _OUTPUT for word in words)
    is_cached = any(word in _CACHED for word in words)
    is_audio = any(word in ("aud", "audio") for word in words)
    kept = [w for w in words if w not in _INPUT | _OUTPUT | _CACHED | _PLACES | _TIERS.keys()]
    model = "-".join(kept)
    if is_input:
        return model, m.CACHE_READ if is_cached else m.AUDIO_INPUT if is_audio else m.INPUT, tier
    if is_output:
        return model, m.AUDIO_OUTPUT if is_audio else m.OUTPUT, tier
    return model, m.INPUT if "embedding" in name.lower() or "ada" in words else "", tier
