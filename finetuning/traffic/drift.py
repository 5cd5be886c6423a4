"""How far a training file is from today's traffic, trait by trait.

The measure is the Jensen–Shannon divergence with logarithms to base 2 (Lin 1991, "Divergence measures based on the
Shannon entropy"): ½ KL(P‖M) + ½ KL(Q‖M) with M = ½ (P + Q); 0: the same shares, 1: nothing in common.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .traits import TRAITS

NOTABLE = 0.02
"""A divergence below is of no matter, however sure; 0.02 is about what 5 % more refusals than 0 % make."""
BEYOND_CHANCE = 3


@dataclass(frozen=True, slots=True)
class TraitDrift:
    """`divergence`: 0 … 1. `by_chance`: what two samples of these sizes from one population have on average.
    `differs`: it is notable and at least three times that. `shares`: value → (of the file, of the traffic)."""

    trait: str
    divergence: float
    by_chance: float
    differs: bool
    shares: dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Drift:
    """`score`: the largest divergence; None when there is no traffic to compare with."""

    score: float | None
    examples: int
    traffic: int
    traits: tuple[TraitDrift, ...]


def drift(examples: Sequence[Mapping[str, str]], traffic: Sequence[Mapping[str, str]]) -> Drift:
    """Compare the traits of a file's examples with those of the traffic."""
    if not examples or not traffic:
        return Drift(None, len(examples), len(traffic), ())
    found = tuple(_of_trait(trait, examples, traffic) for trait in TRAITS)
    return Drift(max(one.divergence for one in found), len(examples), len(traffic), found)


def _of_trait(trait: str, examples: Sequence[Mapping[str, str]], traffic: Sequence[Mapping[str, str]]) -> TraitDrift:
    ours, theirs = (Counter(one[trait] for one in group) for group in (examples, traffic))
    shares = {
        value: (ours[value] / len(examples), theirs[value] / len(traffic))
        for value, _ in (ours + theirs).most_common()
    }  # fmt: skip
    divergence = jensen_shannon([one for one, _ in shares.values()], [other for _, other in shares.values()])
    chance = by_chance(len(shares), len(examples), len(traffic))
    differs = divergence >= max(NOTABLE, BEYOND_CHANCE * chance)
    return TraitDrift(trait, round(divergence, 4), round(chance, 4), differs, shares)


def jensen_shannon(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two distributions over the same values."""
    total = 0.0
    for p, q in zip(one, other, strict=True):
        middle = (p + q) / 2
        total += sum(share * math.log2(share / middle) / 2 for share in (p, q) if share)
    return min(1.0, max(0.0, total))


def by_chance(values: int, one: int, other: int) -> float:
    """Expected divergence of two samples of one population, to the second order: for small differences it is
    Σ (p − q)² / (8 ln 2 · m), and E (p − q)² / m = (1 − m)(1/n + 1/n′) for each of the `values`."""
    return (values - 1) * (1 / one + 1 / other) / (8 * math.log(2))
