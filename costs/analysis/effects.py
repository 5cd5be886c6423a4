"""Why cost changed between two windows: price, volume, mix, size, cache and retry effects, as a whole and by driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from analytics.anomalies.costs import cell
from analytics.answers.questions import Questions
from analytics.explain import DIGITS, Cell, Effects, decompose
from analytics.query import Query
from analytics.query.shapes import OTHER, DimensionValue

PARTS = ("team", "project", "provider", "model")
FIGURES = (
    "cost", "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "input_cost",
    "output_cost", "cache_cost", "retry_cost",
)  # fmt: skip
MOST_CELLS = 2_000
CACHED = "cache_read"
PLACES = Decimal("1e-10")
NOTHING = Decimal(0)
Key = tuple[DimensionValue, ...]
Cells = Mapping[Key, Cell]


@dataclass(frozen=True, slots=True)
class Driver:
    """One value of a dimension: its cost in both windows and why it changed; `share` of the whole change."""

    dimension: str
    value: DimensionValue
    cost: Decimal
    previous: Decimal
    change: Decimal
    share: float | None
    effects: Effects


@dataclass(frozen=True, slots=True)
class Change:
    """Both windows by part. What cached input costs otherwise counts as cache: reads and writes are one meter here."""

    before: Cells
    after: Cells

    @property
    def effects(self) -> Effects:
        return split(self.before, self.after)

    def drivers(self, dimension: str, most: int) -> list[Driver]:
        """Values of one of `PARTS` whose cost changed most, whichever way, the largest change first."""
        place = PARTS.index(dimension)
        before, after = _by(self.before, place), _by(self.after, place)
        whole = _cost(self.after.values()) - _cost(self.before.values())
        changes = {value: _cost(after.get(value, {}).values()) - _cost(before.get(value, {}).values())
                   for value in before.keys() | after.keys()}  # fmt: skip
        shown = sorted(filter(changes.get, changes), key=lambda value: (-abs(changes[value]), str(value)))[:most]
        return [_driver(dimension, value, before.get(value, {}), after.get(value, {}), whole) for value in shown]


def change(questions: Questions, query: Query, before: tuple[datetime, datetime]) -> Change:
    """What changed from `before` to the query's window under its filters. Two questions. Raises QueryError."""
    return Change(_cells(questions, query, *before), _cells(questions, query, query.start, query.end))


def split(before: Cells, after: Cells) -> Effects:
    """The effects between two windows; they add up to the change to the last digit."""
    return _without_cached_price(before, after, decompose(_named(before), _named(after)))


def _cells(questions: Questions, query: Query, start: datetime, end: datetime) -> dict[Key, Cell]:
    asked = replace(
        query, measures=FIGURES, dimensions=PARTS, start=start, end=end, granularity=None, compare_to="none",
        order=None, having=(), limit=MOST_CELLS,
    )  # fmt: skip
    groups = questions.ask(asked).groups
    return {
        tuple(OTHER if group.is_other else group.dimensions[name] for name in PARTS): _cell(group.measures)
        for group in groups
    }


def _cell(measures: Mapping[str, Any]) -> Cell:
    """By the meters that the rollups keep: plain input, cached input (read and written), output, and the rest."""
    cached = Decimal(measures["cache_read_tokens"] + measures["cache_write_tokens"])
    requests = int(measures["requests"])
    costs = {"input": measures["input_cost"], CACHED: measures["cache_cost"], "output": measures["output_cost"]}
    costs["other"] = measures["cost"] - sum(costs.values(), NOTHING)
    quantities = {
        "input": max(NOTHING, Decimal(measures["input_tokens"]) - cached), CACHED: cached,
        "output": Decimal(measures["output_tokens"]), "other": Decimal(requests),
    }  # fmt: skip
    return cell(requests, measures["retry_cost"], quantities, costs)


def _without_cached_price(before: Cells, after: Cells, found: Effects) -> Effects:
    """Cached input is priced by reading or writing: another ratio of the two looks like a price and is none."""
    with localcontext(prec=DIGITS):
        moved = NOTHING
        for key in before.keys() & after.keys():
            old, new = before[key], after[key]
            quantity = old.quantities.get(CACHED, NOTHING)
            if old.requests and new.requests and quantity:
                moved += new.costs[CACHED] - new.quantities[CACHED] * old.costs[CACHED] / quantity
        amount = moved.quantize(PLACES) + 0  # never a negative nothing
    return replace(found, price=found.price - amount, cache=found.cache + amount)


def _by(cells: Cells, place: int) -> dict[DimensionValue, dict[Key, Cell]]:
    found: dict[DimensionValue, dict[Key, Cell]] = {}
    for key, one in cells.items():
        found.setdefault(key[place], {})[key] = one
    return found


def _driver(dimension: str, value: DimensionValue, before: Cells, after: Cells, whole: Decimal) -> Driver:
    was, now = _cost(before.values()), _cost(after.values())
    return Driver(
        dimension, value, now, was, now - was, float((now - was) / whole) if whole else None, split(before, after)
    )


def _cost(cells: Iterable[Cell]) -> Decimal:
    return sum((one.total for one in cells), NOTHING)


def _named(cells: Cells) -> dict[str, Cell]:
    return {"\0".join(map(str, key)): one for key, one in cells.items()}


def names(drivers: Iterable[Driver]) -> dict[str, set[str]]:
    """Ids to be named, by dimension."""
    found: dict[str, set[str]] = {}
    for driver in drivers:
        if driver.value is not None:
            found.setdefault(driver.dimension, set()).add(str(driver.value))
    return found


__all__ = ["PARTS", "Change", "Driver", "change", "names", "split"]
