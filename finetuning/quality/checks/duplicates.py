"""Examples that are there again, exactly or nearly: paid for again, and learned with more weight than meant."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from ..comparing import Index, candidates, groups, is_alike
from .base import Context


def find_exact(context: Context, index: Index) -> set[int]:
    """Places that repeat an earlier one; the first of each stays."""
    repeats: set[int] = set()
    for group in groups(index.whole):
        first = index.numbers[group[0]]
        for place in group[1:]:
            repeats.add(place)
            context.found.add(
                "exact_dup", index.numbers[place], f"The same as line {first}.", tokens=index.tokens[place],
                related=(first,),
            )  # fmt: skip
    return repeats


def find_near(context: Context, index: Index, repeats: set[int]) -> None:
    """Of lines that say nearly the same the first stays; of questions with one class the shortest."""
    kept = np.array([place for place in range(len(index)) if place not in repeats], dtype=np.int64)
    pairs = {(int(kept[one]), int(kept[other])) for one, other in candidates(index.signatures[kept])}
    for group in groups(index.bare):
        left = [place for place in group if place not in repeats]
        pairs.update(pairwise(left))
    said = index.sayings({place for pair in pairs for place in pair})
    alike = [pair for pair in pairs if is_alike(said[pair[0]], said[pair[1]])]
    for cluster in _clusters(alike):
        stays = min(cluster, key=lambda place: (len(said[place].prompt) * said[place].is_label, place))
        for place in sorted(cluster - {stays}):
            context.found.add(
                "near_dup", index.numbers[place], f"Nearly the same as line {index.numbers[stays]}.",
                tokens=index.tokens[place], related=(index.numbers[stays],),
            )  # fmt: skip


def _clusters(pairs: Iterable[tuple[int, int]]) -> list[set[int]]:
    """Connected places, in order of their first."""
    owner: dict[int, set[int]] = {}
    for one, other in sorted(pairs):
        joined = owner.get(one, {one}) | owner.get(other, {other})
        for place in joined:
            owner[place] = joined
    unique = {id(cluster): cluster for cluster in owner.values()}
    return sorted(unique.values(), key=min)
