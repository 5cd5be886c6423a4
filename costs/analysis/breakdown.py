"""Cost by several dimensions, one inside the other, with each part's share of its parent and of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from analytics.answers.questions import Questions, common
from analytics.query import Group, Query, QueryError
from analytics.query.shapes import OTHER, DimensionValue

MEASURES = ("cost", "requests", "total_tokens")
MOST_LEVELS = 4
MOST_NODES = 2_000


@dataclass(frozen=True, slots=True)
class Node:
    """One part. `path`: its values from the outermost dimension inwards; `share` of the whole cost, `share_of_parent`
    of the part around it (None where that cost nothing); `is_other`: what lies beyond the limit within its parent."""

    path: Sequence[DimensionValue]
    measures: Mapping[str, Any]
    share: float | None
    share_of_parent: float | None
    is_other: bool

    @property
    def depth(self) -> int:
        return len(self.path)


def breakdown(questions: Questions, query: Query, dimensions: Sequence[str]) -> dict[str, Any]:
    """Parts in order: the dearest first, each followed by its own. At every level the children of a part, the rest
    included, add up to it. A question for each level, and the common one. Raises QueryError `too_many_dimensions`."""
    if not 1 <= len(dimensions) <= MOST_LEVELS or len(set(dimensions)) != len(dimensions):
        raise QueryError("too_many_dimensions", f"Name 1 to {MOST_LEVELS} different dimensions.")
    result = questions.ask(replace(query, measures=MEASURES, dimensions=(), granularity=None, order=None))
    levels = [_level(questions, query, dimensions[: depth + 1]) for depth in range(len(dimensions))]
    nodes = _within((), result.totals, result.totals, levels, query.limit)
    every = [group for level in levels for groups in level.values() for group in groups]
    return {**common(questions, result, every), "dimensions": list(dimensions), "nodes": nodes}


Level = Mapping[tuple[DimensionValue, ...], Sequence[Group]]


def _level(questions: Questions, query: Query, dimensions: Sequence[str]) -> Level:
    """Groups by all of the dimensions, by what they lie in; what is beyond `MOST_NODES` is nobody's child."""
    asked = replace(
        query, measures=MEASURES, dimensions=tuple(dimensions), granularity=None, compare_to="none", order="-cost",
        having=(), limit=query.limit if len(dimensions) == 1 else MOST_NODES,
    )  # fmt: skip
    found: dict[tuple[DimensionValue, ...], list[Group]] = {}
    for group in questions.ask(asked).groups:
        if not group.is_other and any(group.measures.values()):
            values = tuple(group.dimensions[name] for name in dimensions)
            found.setdefault(values[:-1], []).append(group)
    return found


def _within(
    path: tuple[DimensionValue, ...],
    parent: Mapping[str, Any],
    whole: Mapping[str, Any],
    levels: Sequence[Level],
    limit: int,
) -> list[Node]:
    """The parts of the part at `path`, each followed by its own."""
    if len(path) == len(levels):
        return []
    children = levels[len(path)].get(path, ())[:limit]
    own: list[Mapping[str, Any]] = [group.measures for group in children]
    nodes: list[Node] = []
    for group in children:
        value = list(group.dimensions.values())[-1]
        nodes.append(_node((*path, value), group.measures, parent, whole))
        nodes += _within((*path, value), group.measures, whole, levels, limit)
    rest = {name: parent[name] - sum(figures[name] for figures in own) for name in MEASURES}
    if any(rest.values()):
        nodes.append(_node((*path, OTHER), rest, parent, whole, is_other=True))
    return nodes


def _node(
    path: tuple[DimensionValue, ...],
    measures: Mapping[str, Any],
    parent: Mapping[str, Any],
    whole: Mapping[str, Any],
    *,
    is_other: bool = False,
) -> Node:
    own = {name: measures[name] for name in MEASURES}
    return Node(path, own, _share(own["cost"], whole["cost"]), _share(own["cost"], parent["cost"]), is_other)


def _share(part: Decimal, whole: Decimal) -> float | None:
    return float(part / whole) if whole else None
