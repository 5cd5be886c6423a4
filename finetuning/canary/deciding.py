"""What a look at two arms says: go on, roll back, or promote. Pure.

The difference of two means lies between the difference of their confidence sequences (`sequence.bounds`), each at a
share of the level: two measures with two arms each, so a fourth of it (Bonferroni). All of it together is wrong at some
time with probability `LEVEL` at most, however many looks there are; nothing is adjusted for looking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from finetuning.canary.sequence import Interval, bounds

LEVEL = 0.05
"""Most often that one is rolled back, at whatever look, which is no worse; or promoted which is worse by its margin."""
SHARE = LEVEL / 4
LEAST = 30
"""Outcomes of each arm below which nothing is decided."""
MARGINS = {"errors": 0.02, "score": 0.05}
"""By how much a model may be worse and still be promoted."""


class Decision(StrEnum):
    GO_ON = "go_on"
    ROLL_BACK = "roll_back"
    PROMOTE = "promote"


@dataclass(frozen=True, slots=True)
class Arm:
    """What came of first choices, in the order in which they were made: 1 for a failure and 0 for an answer, and the
    recorded scores of those that have one, 0 (worst) to 1."""

    errors: Sequence[float]
    scores: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure: outcomes and mean of each arm (None without any), and the tuned model's less the others'."""

    name: str
    tuned: int
    tuned_mean: float | None
    others: int
    others_mean: float | None
    difference: float | None
    interval: Interval

    @property
    def is_enough(self) -> bool:
        return min(self.tuned, self.others) >= LEAST


@dataclass(frozen=True, slots=True)
class Look:
    decision: Decision
    why: str
    measures: tuple[Measured, ...]


def decide(tuned: Arm, others: Arm, *, may_promote: bool = False) -> Look:
    """Roll back what fails more often or scores lower for certain; promote, where that is allowed, what is certainly
    not worse by more than `MARGINS` in both; go on with the rest."""
    errors = _measured("errors", tuned.errors, others.errors)
    score = _measured("score", tuned.scores, others.scores)
    measures = (errors, score)
    if errors.is_enough and errors.interval.lower > 0:
        return Look(Decision.ROLL_BACK, f"It fails more often: {_told(errors)}.", measures)
    if score.is_enough and score.interval.upper < 0:
        return Look(Decision.ROLL_BACK, f"Its answers score lower: {_told(score)}.", measures)
    if not errors.is_enough:
        few = f"{errors.tuned} of its calls and {errors.others} of others' have ended"
        return Look(Decision.GO_ON, f"Too early: {few}, {LEAST} of each are needed.", measures)
    if may_promote:
        return _promoted(errors, score)
    return Look(Decision.GO_ON, f"No harm is shown: {_told(errors)}.", measures)


def _promoted(errors: Measured, score: Measured) -> Look:
    measures = (errors, score)
    if not score.is_enough:
        few = f"{score.tuned} of its answers and {score.others} of others' have a score"
        return Look(Decision.GO_ON, f"No promotion without scores: {few}, {LEAST} of each are needed.", measures)
    if errors.interval.upper >= MARGINS["errors"]:
        return Look(Decision.GO_ON, f"It may still fail more often: {_told(errors)}.", measures)
    if score.interval.lower <= -MARGINS["score"]:
        return Look(Decision.GO_ON, f"It may still score lower: {_told(score)}.", measures)
    return Look(Decision.PROMOTE, f"It is not worse: {_told(errors)}; {_told(score)}.", measures)


def _measured(name: str, tuned: Sequence[float], others: Sequence[float]) -> Measured:
    mine, theirs = bounds(tuned, SHARE), bounds(others, SHARE)
    interval = Interval(mine.lower - theirs.upper, mine.upper - theirs.lower)
    means = [sum(values) / len(values) if len(values) else None for values in (tuned, others)]
    difference = None if means[0] is None or means[1] is None else means[0] - means[1]
    return Measured(name, len(tuned), means[0], len(others), means[1], difference, interval)


def _told(one: Measured) -> str:
    assert one.tuned_mean is not None
    assert one.others_mean is not None
    low, high = one.interval.lower, one.interval.upper
    if one.name == "errors":
        rates = f"{one.tuned_mean:.1%} of {one.tuned:,} calls against {one.others_mean:.1%} of {one.others:,}"
        return f"{rates}, a difference of {low * 100:+.1f} to {high * 100:+.1f} points"
    means = f"{one.tuned_mean:.3f} over {one.tuned:,} answers against {one.others_mean:.3f} over {one.others:,}"
    return f"{means}, a difference of {low:+.3f} to {high:+.3f}"
