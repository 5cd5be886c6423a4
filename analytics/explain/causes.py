"""Which dimension, and which of its values, carry a change.

Adtributor (Bhagwan et al., "Adtributor: Revenue Debugging in Advertising Systems", NSDI 2014): the explanatory power of
a value is its share of the change, its surprise the part it has in the Jensen-Shannon divergence between the shares
expected and found; a dimension is explained by the fewest values that carry most of the change. Pure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Values = Mapping[str, float]
ENOUGH = 0.8
"""Share of the change at which the search within a dimension stops."""
LEAST = 0.1
"""A value that carries less of the change is not named."""
MOST_VALUES = 5
CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Cause:
    """One value of one dimension. `share` of the whole change (above 1 when others went the other way)."""

    dimension: str
    value: str
    share: float
    surprise: float
    actual: float
    expected: float


def rank(actual: Mapping[str, Values], expected: Mapping[str, Values], order: Sequence[str] = ()) -> list[Cause]:
    """Causes, the most telling first: values of the dimension that needs the fewest to carry `ENOUGH` of the change, of
    equals the most surprising, of those the first in `order`; then those of the next dimension.

    `actual`, `expected`: additive figures by dimension and value; a value missing on one side is 0 there. A dimension
    without a change, or that no few values explain, gives none.
    """
    places = {name: place for place, name in enumerate(order)}
    found = [explained for name in expected.keys() | actual.keys()
             if (explained := _explain(name, actual.get(name, {}), expected.get(name, {})))]  # fmt: skip
    found.sort(
        key=lambda causes: (
            len(causes),
            -round(sum(cause.surprise for cause in causes), 6),
            places.get(causes[0].dimension, len(places)),
            causes[0].dimension,
        )
    )
    return [cause for causes in found for cause in causes]


def _explain(dimension: str, actual: Values, expected: Values) -> list[Cause]:
    """The fewest values that carry the change, the largest share first; empty when they are too many."""
    before, after = math.fsum(expected.values()), math.fsum(actual.values())
    change = after - before
    if abs(change) <= CLOSE * max(abs(before), abs(after), CLOSE):
        return []
    causes = [
        Cause(
            dimension, value, (actual.get(value, 0.0) - expected.get(value, 0.0)) / change,
            surprise(_part(expected.get(value, 0.0), before), _part(actual.get(value, 0.0), after)),
            actual.get(value, 0.0), expected.get(value, 0.0),
        )
        for value in expected.keys() | actual.keys()
    ]  # fmt: skip
    causes = sorted((cause for cause in causes if cause.share >= LEAST), key=lambda cause: (-cause.share, cause.value))
    carried = 0.0
    for count, cause in enumerate(causes[:MOST_VALUES], 1):
        carried += cause.share
        if carried >= ENOUGH:
            return causes[:count]
    return []


def _part(value: float, whole: float) -> float:
    return min(1.0, max(0.0, value / whole)) if whole else 0.0


def surprise(expected: float, found: float) -> float:
    """A value's part of the Jensen-Shannon divergence of shares (paper, equation 7), in nats."""
    both = expected + found
    if both <= 0:
        return 0.0
    first = expected * math.log(2 * expected / both) if expected > 0 else 0.0
    second = found * math.log(2 * found / both) if found > 0 else 0.0
    return 0.5 * (first + second)
