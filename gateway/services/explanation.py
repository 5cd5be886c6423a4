"""Why a ledger line costs what it costs, in words a person can check with a pocket calculator."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from gateway.choices import LineKind, LineStatus, PriceStatus, UsageSource
from gateway.conversion import EXACT, Conversion, conversion, rounded
from gateway.models import LedgerLine
from gateway.services.rates import COMMITMENT, OWN, RateParts, read_rate

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
    LineKind.TRAINING: "A fine-tuning job, booked once when it was over; it counts no request.",
    LineKind.HOSTING: "A day on which a tuned model was hosted; it is paid by the hour and counts no request.",
    LineKind.COMMITMENT: "A day of a commitment: it is paid whether it is used or not, and counts no request.",
}
_ENDINGS = {
    LineStatus.INTERRUPTED: "The gateway stopped before the call ended.",
    LineStatus.CANCELLED: "The caller went away before the answer was complete.",
}
WITHOUT_COUNTS = frozenset({LineKind.DENIED, LineKind.COMMITMENT, LineKind.HOSTING})


def explain(line: LedgerLine) -> str:
    """One paragraph: what was charged, by which rates, on whose count."""
    kind = LineKind(line.kind)
    parts = [_KINDS[kind]] if kind in _KINDS else []
    if kind == LineKind.ATTEMPT and line.status in _ENDINGS:
        parts.append(_ENDINGS[LineStatus(line.status)])
    if line.price_status == PriceStatus.UNPRICED:
        parts.append(
            f"No price is known for {line.model_served or line.model_requested}, so the cost is unknown, not zero."
        )
    elif line.price_status == PriceStatus.FREE and line.kind not in (LineKind.DENIED, LineKind.CACHE_HIT):
        parts.append("The model is free of charge.")
    parts += [charge_text(charge) for charge in line.charges]
    if line.cost is not None and len(line.charges) > 1:
        parts.append(f"Together {plain(line.cost)} {line.currency}.")
    parts += beside_the_list(line)
    if line.service_tier_served:
        parts.append(f"Served at the tier {line.service_tier_served}.")
    if kind not in WITHOUT_COUNTS:
        parts.append(_SOURCES[UsageSource(line.usage_source)])
    return " ".join(parts)


def beside_the_list(line: LedgerLine) -> list[str]:
    """What the list would have charged, where that is something else."""
    if line.list_cost is None or line.cost is None or line.list_cost == line.cost:
        return []
    kind, listed = LineKind(line.kind), f"{plain(line.list_cost)} {line.currency}"
    if kind == LineKind.CACHE_HIT:
        return [f"The answer would have cost {listed}."]
    rates = [rate_of(charge) for charge in line.charges]
    if kind != LineKind.ATTEMPT:
        return []
    if any(rate.kind == COMMITMENT for rate in rates):
        return [f"A commitment covers the call, so nothing more is paid; by the public list it would cost {listed}."]
    if any(rate.kind == OWN for rate in rates):
        return [f"By the public list it would cost {listed}."]
    return []


def rate_of(charge: dict[str, Any]) -> RateParts:
    """What a charge's rate is."""
    return read_rate(str(charge.get("rate_id", "")), str(charge.get("meter", "")))


@dataclass(frozen=True, slots=True)
class Converted:
    """A total in another currency: each line by the rate of its day, rounded once. `rates`: which, in words."""

    currency: str
    total: Decimal
    rates: list[str]


def converted(lines: Sequence[LedgerLine], currency: str) -> Converted | None:
    """The known costs in `currency`; None when there are none, or a day has no rate. One query for each other
    currency of the lines."""
    total, rates = None, dict[str, None]()
    tables: dict[tuple[UUID, str], Conversion] = {}
    for line in lines:
        if line.cost is None:
            continue
        pair = (line.organization, line.currency)
        table = tables.get(pair) or tables.setdefault(pair, conversion(*pair, currency))
        step = table.at(line.started_at)
        if step is None:
            return None
        if line.currency != currency:
            rates[step.words] = None
        total = EXACT.add(total or Decimal(0), EXACT.multiply(line.cost, step.factor))
    return None if total is None else Converted(currency, rounded(total), list(rates))


def priced_later(lines: Iterable[LedgerLine]) -> dict[Any, datetime]:
    """Lines without a price that an adjusting entry has priced since, and when that was booked."""
    return {
        line.corrects: line.booked_at
        for line in lines
        if line.kind == LineKind.ADJUSTMENT and line.price_status != PriceStatus.UNPRICED
    }


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
    """Sum of the known costs; None when none is known, and over several currencies, which have no sum."""
    known = [(line.cost, line.currency) for line in lines if line.cost is not None]
    if len({currency for cost, currency in known if cost}) > 1:
        return None
    return sum((cost for cost, _ in known), Decimal(0)) if known else None
