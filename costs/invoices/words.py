"""Causes in words: what it is, what it comes to, how it was computed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from costs.invoices import effects as e
from costs.pricing import meters as m

if TYPE_CHECKING:
    from costs.invoices.causes import Part

TITLES = {
    e.CACHED: "Cached tokens are told apart differently",
    e.TIER: "Another tier",
    e.PRICE: "Another price",
    e.OUTSIDE: "Calls outside of the gateway",
    e.UNBILLED: "Calls that are not on the bill",
    e.TIMING: "Counted to other days",
    e.NOT_IN_EXPORT: "Days that the export lacks",
    e.NOT_IN_LEDGER: "Days that the ledger lacks",
    e.DUPLICATE: "Billed twice",
    e.UNPRICED: "Without a price here",
    e.CREDIT: "Credits, taxes and fees",
    e.ROUNDING: "Rounding",
    e.UNEXPLAINED: "Not explained",
}
_WHY = {
    e.CACHED: "Tokens that one side counts as cached input are other input on the other side, at another price.",
    e.TIER: "Usage was billed in another tier (batch, flex, priority, long context) than it was priced in here.",
    e.PRICE: "The same quantity was billed at another unit price than the price book had at that time.",
    e.OUTSIDE: "More was billed than passed through the gateway: other keys, other applications or unknown models.",
    e.UNBILLED: "The ledger has calls that the bill does not have: another account, or usage that is not charged.",
    e.TIMING: "Calls, around midnight or in another zone, count to other days there than here; over time they balance.",
    e.NOT_IN_EXPORT: "The export has no usage for days on which the ledger has some.",
    e.NOT_IN_LEDGER: "The ledger has nothing for days on which usage was billed.",
    e.DUPLICATE: "The same rows stand in the export more than once, and the ledger has that usage once.",
    e.UNPRICED: "The usage is in the ledger, but no price of its model is known here, so its cost is not counted.",
    e.CREDIT: "Lines of the bill that are no usage: credits, discounts, taxes, fees.",
    e.ROUNDING: "Within what rounding each row to the export's last digit can make.",
    e.UNEXPLAINED: "None of the causes that are looked for explains this part.",
}
ADVICE = {
    e.CACHED: "Check that the provider's usage detail reaches the ledger (streams need the final usage chunk).",
    e.TIER: "Check that the tier served is recorded, and that the price book has its price.",
    e.PRICE: "Add an override for a negotiated price, or re-price the period.",
    e.OUTSIDE: "Look for keys of this provider that are used without the gateway; import that usage if it is yours.",
    e.UNBILLED: "Check that the export covers every account and project that the gateway uses.",
    e.TIMING: "Nothing to do.",
    e.NOT_IN_EXPORT: "Export the whole period again.",
    e.NOT_IN_LEDGER: "Import the usage of those days, or look for the time the gateway was passed by.",
    e.DUPLICATE: "Ask the vendor, or export again if pages were joined.",
    e.UNPRICED: "State a price and back-fill it.",
    e.CREDIT: "Nothing to do; they belong to the bill alone.",
    e.ROUNDING: "Nothing to do.",
    e.UNEXPLAINED: "Compare the cells of the days concerned.",
}
_PER_MILLION = frozenset(m.PER_MILLION)


def sentence(kind: str, parts: Sequence[Part], days: int) -> str:
    """One cause of the whole invoice."""
    where = f"{days} day{'s' if days != 1 else ''}"
    models = list(dict.fromkeys(part.model for part in parts if part.model))
    named = ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
    about = f" ({named}; {where})" if named else f" ({where})"
    return f"{_WHY[kind].removesuffix('.')}{about}."


def arithmetic(effect: e.Effect) -> str:
    """How the amount of one day, model and meter comes about."""
    on = f"{effect.day:%Y-%m-%d}: "
    size, unit = _unit(effect.meter)
    quantity = f"{effect.quantity.normalize():,f} {unit}"
    result = f" = {effect.amount:+,.6f}"
    detail = f" ({effect.detail})" if effect.detail else ""
    if effect.cause in (e.CACHED, e.TIER, e.PRICE) and effect.billed_price is not None and effect.price is not None:
        return (
            f"{on}{quantity} × ({_price(effect.billed_price, size)} billed − {_price(effect.price, size)} here)"
            f"{_per(size)}{result}{detail}"
        )
    price = effect.billed_price if effect.billed_price is not None else effect.price
    if effect.meter and price is not None and effect.quantity:
        return f"{on}{quantity} × {_price(price, size)}{_per(size)}{result}{detail}"
    return f"{on}{effect.amount:+,.6f}{detail}"


def _unit(meter: str) -> tuple[int, str]:
    if meter in _PER_MILLION:
        return 1_000_000, "characters" if meter == m.CHARACTER else "tokens"
    return 1, "units" if meter else "of money"


def _per(size: int) -> str:
    return " per 1M" if size > 1 else ""


def _price(unit: Decimal, size: int) -> str:
    return f"{(unit * size).quantize(Decimal('1e-6')).normalize():f}"
