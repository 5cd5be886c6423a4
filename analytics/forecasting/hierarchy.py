"""Forecasts of parts and wholes that add up: project → team → organization.

Every series was forecast alone. First the wholes: a node's own forecast and the sum of its parts are two opinions,
averaged by the inverse of their back-test variances. Then the parts: what a node's parts miss is spread over them by
their variances, never below zero, and every whole is written as the sum of its parts. It is the two-level case of
minimum-trace reconciliation with a diagonal covariance, level by level (Wickramasuriya, Athanasopoulos & Hyndman 2019,
"Optimal forecast reconciliation", JASA 114(526)).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from analytics.forecasting.shapes import Floats, Forecast, Total

Node = TypeVar("Node", bound=Hashable)


def reconcile(forecasts: Mapping[Node, Forecast], parts: Mapping[Node, Sequence[Node]]) -> dict[Node, Forecast]:
    """The same forecasts with means that add up: the means of `parts[node]`, summed in that order, are the node's mean.

    The same holds for totals. Bands move with their mean and keep their half-widths. Every node is in `forecasts`, with
    the same horizon, and a part has one whole; KeyError and ValueError otherwise.
    """
    below = [part for node in parts for part in parts[node]]
    if len(below) != len(set(below)) or len({forecast.horizon for forecast in forecasts.values()}) > 1:
        raise ValueError("a part has one whole, and all forecasts have one horizon")
    blended: dict[Node, tuple[Floats, float]] = {}
    wholes = [node for node in forecasts if node not in set(below)]
    for node in wholes:
        _blend(node, forecasts, parts, blended)
    means: dict[Node, Floats] = {}
    totals: dict[Node, float] = {}
    for node in wholes:
        _spread(node, blended[node][0], parts, blended, means, totals)
    return {node: moved(forecast, means[node], totals[node]) for node, forecast in forecasts.items()}


def _blend(
    node: Node,
    forecasts: Mapping[Node, Forecast],
    parts: Mapping[Node, Sequence[Node]],
    blended: dict[Node, tuple[Floats, float]],
) -> None:
    """Bottom up: a whole's own forecast and the sum of its parts, by the inverse of their variances."""
    own = forecasts[node]
    mean, variance = own.mean, max(own.rmse * own.rmse, 1e-18)
    children = parts.get(node, ())
    for part in children:
        _blend(part, forecasts, parts, blended)
    if children:
        summed = np.sum([blended[part][0] for part in children], axis=0)
        theirs = sum(blended[part][1] for part in children)
        weight = theirs / (variance + theirs)
        mean, variance = weight * mean + (1 - weight) * summed, variance * weight
    blended[node] = (mean, variance)


def _spread(
    node: Node,
    target: Floats,
    parts: Mapping[Node, Sequence[Node]],
    blended: Mapping[Node, tuple[Floats, float]],
    means: dict[Node, Floats],
    totals: dict[Node, float],
) -> None:
    """Top down: what the parts miss of `target` is theirs by variance; then the whole is the sum of its parts."""
    children = parts.get(node, ())
    if not children:
        means[node], totals[node] = target, float(target.sum())
        return
    variances = np.array([blended[part][1] for part in children])
    wanted = np.stack([blended[part][0] for part in children])
    gap = target - wanted.sum(axis=0)
    wanted = np.maximum(wanted + gap * (variances / variances.sum())[:, None], 0.0)
    sums = wanted.sum(axis=0)
    wanted = wanted * np.divide(target, sums, out=np.ones_like(sums), where=sums > 0)
    for part, mean in zip(children, wanted, strict=True):
        _spread(part, mean, parts, blended, means, totals)
    means[node] = np.add.reduce([means[part] for part in children])
    totals[node] = sum((totals[part] for part in children[1:]), totals[children[0]])


def moved(own: Forecast, mean: Floats, total: float) -> Forecast:
    """`own` about another mean and total: bands move with it and keep their half-widths."""
    shift = mean - own.mean
    by = total - own.total.mean
    return replace(
        own,
        mean=mean,
        lower={level: np.minimum(np.maximum(bound + shift, 0.0), mean) for level, bound in own.lower.items()},
        upper={level: np.maximum(bound + shift, mean) for level, bound in own.upper.items()},
        total=Total(
            total,
            {level: min(total, max(0.0, bound + by)) for level, bound in own.total.lower.items()},
            {level: max(total, bound + by) for level, bound in own.total.upper.items()},
        ),
    )
