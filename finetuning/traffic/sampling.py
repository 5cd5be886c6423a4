"""A stratified sample: each kind of example in its share, the same for the same seed."""

import random
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction

EQUAL, PROPORTIONAL = "equal", "proportional"
ALLOCATIONS = (PROPORTIONAL, EQUAL)


def sample(
    strata: Sequence[Hashable], size: int, *, seed: int, allocation: str = PROPORTIONAL
) -> list[int]:  # fmt: skip
    """Places of those that are taken, ascending; all when there are no more than `size`.

    `strata`: of each candidate. `proportional`: shares as among the candidates, rounded by the largest remainder (Hare
    quota; every stratum that has a claim to half an example keeps its order of claims). `equal`: as many of each as
    there are, what a small stratum cannot give goes to the others. Within a stratum each candidate is as likely.
    """
    if size >= len(strata):
        return list(range(len(strata)))
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, stratum in enumerate(strata):
        places[stratum].append(place)
    counts = {stratum: len(found) for stratum, found in places.items()}
    quota = _equal(counts, size) if allocation == EQUAL else _proportional(counts, size)
    chance = random.Random(seed)  # noqa: S311  (a sample, no secret)
    taken = [place for stratum, found in places.items() for place in chance.sample(found, quota[stratum])]
    return sorted(taken)


def _proportional(counts: Mapping[Hashable, int], size: int) -> dict[Hashable, int]:
    total = sum(counts.values())
    claims = {stratum: Fraction(size * count, total) for stratum, count in counts.items()}
    quota = {stratum: int(claim) for stratum, claim in claims.items()}
    left = size - sum(quota.values())
    # stable: of equal remainders the stratum that was seen first
    for stratum in sorted(claims, key=lambda one: quota[one] - claims[one])[:left]:
        quota[stratum] += 1
    return quota


def _equal(counts: Mapping[Hashable, int], size: int) -> dict[Hashable, int]:
    quota = dict.fromkeys(counts, 0)
    left = size
    while left:
        open_ones = [stratum for stratum, count in counts.items() if quota[stratum] < count]
        share = max(1, left // len(open_ones))
        for stratum in open_ones:
            more = min(share, counts[stratum] - quota[stratum], left)
            quota[stratum] += more
            left -= more
    return quota
