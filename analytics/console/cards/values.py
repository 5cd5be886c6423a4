"""How a measure's value is written: in words, exactly, and on an axis. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from analytics.console import format
from analytics.metrics import Measure
from analytics.query import Value

MS_PER_S = 1000
FEW = 5
SMALL_SHARE = 0.1


def text(measure: Measure, value: Value, currency: str) -> str:
    """For tables and sentences: `$1,234.50`, `842 ms`, `2.13 %`; a dash where nothing was measured."""
    if value is None:
        return format.DASH
    match measure.format:
        case "money":
            return format.money(value, currency)
        case "percent":
            return format.percent(value)
        case "duration":
            return format.duration(value)
        case "rate":
            return f"{float(value):,.1f}"
        case "score":
            return f"{float(value):.3f}"
    return format.number(value)


def spoken(measure: Measure, value: Value, currency: str) -> str:
    """For sentences: like `text`, with the unit where the number alone does not say it."""
    written = text(measure, value, currency)
    if value is None or measure.format not in ("rate", "tokens", "count"):
        return written
    word = {"1": measure.label.lower(), "1/min": "a minute"}.get(measure.unit, measure.unit)
    return f"{written} {word}"


def exact(value: Value) -> str:
    """For machines: plain digits, a point, no grouping, never an exponent; empty where nothing was measured."""
    if value is None:
        return ""
    number = Decimal(str(value))
    return f"{number.normalize():f}" if number else "0"


def unit(measure: Measure, currency: str) -> str:
    """The unit in words, for the head of a card."""
    named = {"currency": currency, "1": measure.label.lower(), "ratio": "share", "1/min": "per minute", "ms": "seconds"}
    if measure.format == "score":
        return "0 to 1"
    return named.get(measure.unit, measure.unit.replace("tokens/", "tokens per ").replace(" s", " second"))


def plotted(measure: Measure, value: Value) -> float | None:
    """Where the value stands on the axis of `axis`: durations in seconds, everything else as it is."""
    if value is None:
        return None
    number = float(value) / MS_PER_S if measure.format == "duration" else float(value)
    return round(number, 10 if measure.is_money else 6)


def axis(measure: Measure, currency: str, top: float) -> dict[str, Any]:
    """Ticks of the value axis; `top`: the largest plotted value."""
    match measure.format:
        case "money":
            return dict(format.money_axis(top, currency))
        case "percent":
            return {"tickformat": ".0%" if top >= SMALL_SHARE else "~%"}
        case "duration":
            return {"ticksuffix": " s", "tickformat": "~g"}
        case "score":
            return {"tickformat": ".2f"}
    whole = measure.format in ("count", "tokens") and top <= FEW
    return {"tickformat": "~s" if top >= MS_PER_S else "~g", **({"dtick": 1} if whole else {})}
