"""From pairs to ranks, strengths and weaknesses, and what each candidate is best for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analytics.compare.metrics import METRICS, Metric
from analytics.compare.pairs import Pair, Verdict

USES = {
    "cost": "lowest_cost", "speed": "fastest_answers", "reliability": "most_reliable", "quality": "highest_quality",
}  # fmt: skip
_MIRRORED: Mapping[Verdict, Verdict] = {
    "better": "worse", "worse": "better", "equivalent": "equivalent", "cannot_tell": "cannot_tell",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """One candidate. A rank is 1 + how many are better for sure, so those that cannot be told apart share one; None
    where it could be compared with nobody."""

    id: str
    ranks: Mapping[str, int | None]
    strengths: Sequence[str]
    weaknesses: Sequence[str]


@dataclass(frozen=True, slots=True)
class Best:
    """`id` None: nobody is better than all others for sure, `reason` says so."""

    use_case: str
    id: str | None
    reason: str


def standings(ids: Sequence[str], pairs: Iterable[Pair]) -> list[Standing]:
    """In the order of `ids`."""
    told = _told(pairs)
    return [_standing(id, ids, told) for id in ids]


def best_for(ids: Sequence[str], pairs: Iterable[Pair], names: Mapping[str, str] | None = None) -> list[Best]:
    """For each metric the one that is better than every other for sure. `names`: what ids are called in reasons."""
    told = _told(pairs)
    return [_best(metric, ids, told, names or {}) for metric in METRICS]


Told = dict[tuple[str, str, str], Pair]


def _told(pairs: Iterable[Pair]) -> Told:
    return {(pair.metric, pair.a, pair.b): pair for pair in pairs}


def _verdict(told: Told, metric: str, a: str, b: str) -> Verdict:
    if pair := told.get((metric, a, b)):
        return pair.verdict
    pair = told.get((metric, b, a))
    return _MIRRORED[pair.verdict] if pair else "cannot_tell"


def _is_compared(told: Told, metric: str, a: str, b: str) -> bool:
    pair = told.get((metric, a, b)) or told.get((metric, b, a))
    return pair is not None and pair.difference is not None


def _standing(id: str, ids: Sequence[str], told: Told) -> Standing:
    ranks: dict[str, int | None] = {}
    strengths, weaknesses = [], []
    for metric in METRICS:
        others = [other for other in ids if other != id and _is_compared(told, metric.name, id, other)]
        verdicts = [_verdict(told, metric.name, id, other) for other in others]
        worse, better = verdicts.count("worse"), verdicts.count("better")
        ranks[metric.name] = 1 + worse if others else None
        if better and better > worse:
            strengths.append(f"{metric.winner} than {_of(better, len(others))}")
        if worse and worse > better:
            weaknesses.append(f"{metric.loser} than {_of(worse, len(others))}")
    return Standing(id, ranks, strengths, weaknesses)


def _of(count: int, among: int) -> str:
    if count == among:
        return "the other" if among == 1 else f"all {among} others"
    return f"{count} of {among} others"


def _best(metric: Metric, ids: Sequence[str], told: Told, names: Mapping[str, str]) -> Best:
    use = USES[metric.name]
    for id in ids:
        others = [other for other in ids if other != id]
        if others and all(_verdict(told, metric.name, id, other) == "better" for other in others):
            text = f"{names.get(id, id)} is {metric.winner} than {_of(len(others), len(others))} on requests alike"
            return Best(use, id, f"{text}.")
    if not any(_is_compared(told, metric.name, a, b) for a in ids for b in ids if a != b):
        return Best(use, None, "Too little of the same size was measured.")
    return Best(use, None, _undecided(metric, ids, told, names))


def _undecided(metric: Metric, ids: Sequence[str], told: Told, names: Mapping[str, str]) -> str:
    """Which ones of those that nobody beats for sure cannot be told apart."""
    others = {id: [other for other in ids if other != id] for id in ids}
    first = [id for id in ids if not any(_verdict(told, metric.name, one, id) == "better" for one in others[id])]
    if len(first) > 1:
        return f"{_listed(first, names)} cannot be told apart."
    if not first:
        return "Each is worse than another one."
    open_ = [one for one in others[first[0]] if _verdict(told, metric.name, first[0], one) != "better"]
    return f"{names.get(first[0], first[0])} cannot be told apart from {_listed(open_, names)}."


def _listed(ids: Sequence[str], names: Mapping[str, str]) -> str:
    called = [names.get(id, id) for id in ids]
    return f"{', '.join(called[:-1])} and {called[-1]}" if len(called) > 1 else called[0]
