"""The order of targets that compete: drawn by weight, or by score, or the better one of two that were drawn."""

from collections.abc import Callable, Sequence

from gateway.dataplane.routing.scorer import Scored

Draw = Callable[[Scored], float]
"""A number in [0, 1) for one target; fixed for a caller whose choices are sticky."""


def ordered(items: Sequence[Scored], draw: Draw, *, is_live: bool) -> list[Scored]:
    """Best first; equals as they were drawn by weight. When live figures decide, the better one of the first two drawn
    leads: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.
    """
    drawn = by_weight(items, draw)
    found = sorted(drawn, key=lambda item: -(item.score or 0.0))
    if is_live and len(drawn) > 2:
        leader = max(drawn[:2], key=lambda item: item.score or 0.0)  # of equals the one drawn first
        found.remove(leader)
        found.insert(0, leader)
    return found


def by_weight(items: Sequence[Scored], draw: Draw) -> list[Scored]:
    """Without replacement: sorting by u^(1/w) (Efraimidis & Spirakis, "Weighted random sampling with a reservoir",
    Inf. Process. Lett. 97(5), 2006). Weight 0 comes last, in the order given."""
    if len(items) < 2:
        return list(items)
    return sorted(
        items, key=lambda item: draw(item) ** (1 / item.target.weight) if item.target.weight else -1.0, reverse=True
    )


def chances(items: Sequence[Scored], *, is_live: bool) -> list[float]:
    """Probability of each to be first, in the order given: what `ordered` does, without drawing."""
    values = [item.score or 0.0 for item in items]
    weights = [item.target.weight for item in items]
    found = [0.0] * len(items)
    if not is_live or len(items) < 3:
        best = max(values, default=0.0)
        for n, chance in _drawn_next(weights, {n for n, value in enumerate(values) if value < best}):
            found[n] += chance
        return found
    for first, chance in _drawn_next(weights, set()):
        for second, further in _drawn_next(weights, {first}):
            found[first if values[first] >= values[second] else second] += chance * further
    return found


def _drawn_next(weights: Sequence[int], gone: set[int]) -> list[tuple[int, float]]:
    """Which of those that are left is drawn next, with its probability."""
    left = [n for n in range(len(weights)) if n not in gone]
    total = sum(weights[n] for n in left)
    return [(n, weights[n] / total) for n in left if weights[n]] if total else [(left[0], 1.0)]
