"""Key figures as tiles: value, change against the window before, sparkline. Pure but for safe strings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.safestring import SafeString

from analytics.console import format
from analytics.console.cards.card import Why
from analytics.console.sparkline import sparkline
from analytics.metrics import MEASURES
from analytics.query import Result

FEWEST = 5
Value = Decimal | int | float | None


@dataclass(frozen=True, slots=True)
class Shown:
    """How one measure is shown as a tile. `good`: the direction that is good news (`up`, `down`, empty for neither);
    `unit`: of the exact value."""

    name: str
    label: str
    text: Callable[[Value, str], str]
    more: str = "more"
    less: str = "less"
    good: str = ""
    is_ratio: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: texts ready to print; `tone` is good, bad or neutral, `arrow` up, down or empty; `name` of the
    measure."""

    label: str
    value: str
    exact: str
    change: str
    tone: str
    arrow: str
    spark: SafeString
    name: str = ""
    why: Why | None = None


def tile(
    measure: Shown,
    result: Result,
    label: str,
    before: str,
    why: Why | None = None,
    cut: tuple[bool, bool] = (False, False),
) -> Tile:
    """The tile of one measure of `result`, whose series is the sparkline; `label`, `before`: the period in words.
    `cut`: whether the first and last bucket lack a part; sums are not drawn there, they would seem to fall."""
    value = result.totals.get(measure.name)
    change: Value = result.change.get(measure.name)
    then = (result.previous_totals or {}).get(measure.name)
    if measure.is_ratio:
        change = None if value is None or then is None else Decimal(str(value)) - Decimal(str(then))
        words = format.points_words(change, before)
    else:
        words = format.change_words(change, before, more=measure.more, less=measure.less)
    points = [point.measures.get(measure.name) for point in result.series]
    if MEASURES[measure.name].is_additive and len(points) >= FEWEST:
        points = points[int(cut[0]) : len(points) - int(cut[1])]
    title = f"{measure.label}, {label}"
    pointing = arrow(words, change)
    return Tile(
        label=measure.label,
        value=measure.text(value, result.currency),
        exact=_exact(measure, value, result.currency),
        change=words if before else "",
        tone=_tone(measure, pointing),
        arrow=pointing,
        spark=sparkline([None if point is None else float(point) for point in points], title),
        name=measure.name,
        why=why,
    )


def _exact(measure: Shown, value: Value, currency: str) -> str:
    if value is None:
        return "nothing measured in this period"
    if measure.name == "cost":
        return format.exact_money(Decimal(str(value)), currency)
    if measure.is_ratio or not measure.unit:
        return measure.text(value, currency)
    return f"{Decimal(str(value)).quantize(Decimal(1)):,f}{format.NARROW}{measure.unit}"


def arrow(words: str, change: Value) -> str:
    """`up`, `down`, or empty where the words say that nothing changed."""
    if change is None or words.startswith("about"):
        return ""
    return "up" if change > 0 else "down"


def _tone(measure: Shown, pointing: str) -> str:
    if not pointing or not measure.good:
        return "neutral"
    return "good" if pointing == measure.good else "bad"
