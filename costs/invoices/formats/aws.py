"""AWS: Cost and Usage Report 2.0 (CSV, also gzip), for Amazon Bedrock; the older report's names are read too.

Columns: https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html. Usage types:
https://docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-understanding-cur-data.html: a region, the model, then
`-input-tokens`, `-output-tokens`, `-cache-read-input-token-count`, `-cache-write-input-token-count`, a tier
(`-batch`, `-flex`, `-priority`) and `-cross-region-global`. Amounts are in `pricing_unit`, 1,000 tokens where it says
nothing. Times are UTC. The cost is the unblended one, before credits, which are lines of their own.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from costs.invoices.formats import reading
from costs.invoices.formats.reading import Document, Piece
from costs.invoices.items import CREDIT, DISCOUNT, FEE, TAX, USAGE
from costs.pricing import meters as m
from gateway.imports.records import BadValueError
from gateway.imports.rows.row import Row

NAME = "aws"
ENVELOPE = ""
_TYPE = re.compile(
    r"^(?:[A-Z]{2,4}\d?-)?(?P<model>.+?)-(?:mantle-)?(?P<what>cache-read-input|cache-write(?:-1h|-5m)?-input|input|output)"
    r"-token(?:s|-count)(?P<rest>.*)$",
    re.IGNORECASE,
)
_MARKET = re.compile(r"(?P<cache>Cache(?:Read|Write))?(?P<side>Input|Output)TokenCount(?P<rest>.*)", re.IGNORECASE)
_KINDS = {
    "usage": USAGE, "discountedusage": USAGE, "savingsplancoveredusage": USAGE, "tax": TAX, "credit": CREDIT,
    "refund": CREDIT, "fee": FEE, "rifee": FEE, "edpdiscount": DISCOUNT, "bundleddiscount": DISCOUNT,
    "privateratediscount": DISCOUNT, "savingsplannegation": DISCOUNT,
}  # fmt: skip
_TIERS = ("batch", "flex", "priority")


def detect(columns: frozenset[str]) -> bool:
    return bool({"line_item_usage_type", "lineItem/UsageType", "lineitem_usagetype"} & columns)


def read(original: Row, document: Document, now: datetime) -> Iterator[Piece] | None:
    row = _flat(original)
    product = f"{row.label('lineitemproductcode') or ''} {row.label('productproductname') or ''}".lower()
    if "bedrock" not in product:
        return None
    document.vendors.add("aws")
    return _piece(row, now)


def _flat(row: Row) -> Row:
    """`line_item_usage_type` and `lineItem/UsageType` are one name."""
    return Row(row.line, row.raw, {re.sub(r"[_/]", "", name).lower(): v for name, v in row.values.items()})


def _piece(row: Row, now: datetime) -> Iterator[Piece]:
    start = reading.time(row, now, "lineitemusagestartdate")
    cost = reading.amount(row, "lineitemunblendedcost")
    if cost is None:
        raise BadValueError("line_item_unblended_cost: missing")
    stated = reading.currency(row, "lineitemcurrencycode")
    kind = _KINDS.get((row.label("lineitemlineitemtype") or "usage").lower(), FEE)
    usage_type = row.label("lineitemusagetype") or ""
    label = row.label("lineitemlineitemdescription") or usage_type
    model, meter, tier, size = usage_type_of(usage_type, row.label("productproductname") or "")
    if kind == USAGE and not meter:
        kind = FEE  # guardrails, provisioned throughput, storage of custom models
    if kind != USAGE:
        yield Piece(start, None, "", "", None, cost, stated, None, kind, label)
        return
    end = reading.time(row, now, "lineitemusageenddate") if row.first("lineitemusageenddate") else None
    quantity = reading.number(row, "lineitemusageamount")
    unit = (row.label("pricingunit") or "").lower()
    if quantity is not None:
        quantity *= _size(unit, size)
    yield Piece(start, end or start + timedelta(hours=1), model, meter, quantity, cost, stated, tier, kind, label)


def _size(unit: str, default: Decimal) -> Decimal:
    if unit.startswith(("1k", "1,000 ", "1000 ", "thousand")):
        return Decimal(1_000)
    if unit.startswith(("1m", "1,000,000", "1000000", "million")):
        return Decimal(1_000_000)
    return default if unit in ("", "units", "unit") else Decimal(1) if unit.startswith("token") else default


def usage_type_of(text: str, product: str = "") -> tuple[str, str, str, Decimal]:
    """Model, meter, tier and the tokens of one unit; meter "" for what is no usage in tokens."""
    if found := _TYPE.match(text):
        rest = found["rest"].lower()
        tier = next((name for name in _TIERS if name in rest), "")
        return found["model"], _meter(found["what"].lower()), tier, Decimal(1_000)
    if found := _MARKET.search(text):  # sold over the marketplace: the model is the product, a unit a million tokens
        what = f"{(found['cache'] or '').lower()}-{found['side'].lower()}"
        tier = next((name for name in _TIERS if name in text.lower()), "")
        model = product.split("(")[0].strip()
        return (
            model,
            _meter(what.replace("cacheread", "cache-read").replace("cachewrite", "cache-write")),
            tier,
            Decimal(1_000_000),
        )
    return "", "", "", Decimal(1)


def _meter(what: str) -> str:
    if "cache-read" in what:
        return m.CACHE_READ
    if "cache-write" in what:
        return m.CACHE_WRITE_1H if "1h" in what else m.CACHE_WRITE_5M
    return m.OUTPUT if "output" in what else m.INPUT
