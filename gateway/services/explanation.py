"""Why a ledger line costs what it costs, in words a person can check with a pocket calculator."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from gateway.choices import LineKind, PriceStatus, UsageSource
from gateway.models import LedgerLine

_SOURCES = {
    UsageSource.REPORTED: "Token counts are the vendor's own.",
    UsageSource.COUNTED: "Token counts were counted by the gateway, because the vendor reported none.",
    UsageSource.ESTIMATED: "Token counts are an estimate: the answer ended before its usage was known.",
    UsageSource.IMPORTED: "Token counts come from an imported record.",
}
_KINDS = {
    LineKind.CACHE_HIT: "Answered from the cache.",
    LineKind.DENIED: "Refused before it reached an upstream, so it costs nothing.",
    LineKind.ADJUSTMENT: "Corrects an earlier line; it counts no request.",
}


def explain(line: LedgerLine) -> str:
    """One paragraph: what was charged, by which rates, on whose count."""
    kind = LineKind(line.kind)
    parts = [_KINDS[kind]] if kind in _KINDS else []
    if line.price_status == PriceStatus.UNPRICED:
        parts.append(
            f"No price is known for {line.model_served or line.model_requested}, so the cost is unknown, not zero."
        )
    elif line.price_status == PriceStatus.FREE and line.kind != LineKind.DENIED:
        parts.append("The model is free of charge.")
    parts += [charge_text(charge) for charge in line.charges]
    if line.cost is not None and len(line.charges) > 1:
        parts.append(f"Together {plain(line.cost)} {line.currency}.")
    if line.service_tier_served:
        parts.append(f"Served at the tier {line.service_tier_served}.")
    if line.kind != LineKind.DENIED:
        parts.append(_SOURCES[UsageSource(line.usage_source)])
    return " ".join(parts)


def charge_text(charge: dict[str, Any]) -> str:
    """`1,200 input tokens × 0.00000015 USD = 0.00018 USD (rate …).` The words of the meter are its name."""
    quantity = Decimal(str(charge["quantity"]))
    meter = str(charge["meter"]).replace("_", " ")
    price, cost = (plain(Decimal(str(charge[name]))) for name in ("unit_price", "cost"))
    currency = charge["currency"]
    return f"{quantity:,f} {meter} × {price} {currency} = {cost} {currency} (rate {charge['rate_id']})."


def plain(amount: Decimal) -> str:
    """A decimal without exponent and trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def total(lines: Iterable[LedgerLine]) -> Decimal | None:
    """Sum of the known costs; None when none is known."""
    known = [line.cost for line in lines if line.cost is not None]
    return sum(known, Decimal(0)) if known else None
