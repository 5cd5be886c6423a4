"""All proposals together over the same lines. Pure.

Order of composition, each stage on what the one before has left (`STAGES`):

1. lines that would not be there: failed calls, attempts that were made again, answers that a response cache holds;
2. who answers: a cheaper model, a cheaper provider;
3. what is said: shorter answers, less reasoning, prompts below a tier's bound;
4. what the vendor's prompt cache reads;
5. in which tier it runs: batch.

A line's saving is thus split among the proposals that touch it, telescoping: what it cost − what it costs in the end
is the sum of the steps, to the last digit, and no line can save more than it cost. Two proposals of one stage never
touch the same line: the one with the larger saving of its own keeps it, the other is left with the rest of its lines.
A proposal that is left with too little is dropped, and what remains is replayed again, until nothing is dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from costs.savings.candidates import Candidate, View
from costs.savings.lines import Lines
from costs.savings.proposals import Category
from costs.savings.replay import State
from costs.savings.units import Ints, total

STAGES: Mapping[Category, int] = {
    Category.FAILED_CALLS: 1, Category.RETRY_WASTE: 1, Category.DUPLICATE_CACHING: 1,
    Category.CHEAPER_MODEL: 2, Category.CHEAPER_PROVIDER: 2,
    Category.OUTPUT_LENGTH: 3, Category.REASONING_EFFORT: 3, Category.TIER_BOUNDARY: 3,
    Category.PROMPT_CACHING: 4, Category.BATCH: 5,
    Category.IDLE_KEYS: 6, Category.UNUSED_COMMITMENT: 6, Category.OVERSIZED_COMMITMENT: 6,
}  # fmt: skip
"""In this order; proposals of one stage exclude each other line by line."""


@dataclass(frozen=True, eq=False)
class Alone:
    """A candidate with what it would save by itself: `saved` by row, in 1e-10."""

    candidate: Candidate
    saved: Ints

    @property
    def saving(self) -> int:
        return total(self.saved) + self.candidate.outside


@dataclass(frozen=True, eq=False)
class Together:
    """What is left to a candidate when all are made: `saved` by row of `rows`, in 1e-10."""

    alone: Alone
    rows: Ints
    saved: Ints

    @property
    def saving(self) -> int:
        return total(self.saved) + self.alone.candidate.outside


def replay_alone(view: View, candidate: Candidate) -> Alone:
    """The candidate over its lines as they are."""
    part = view.ledger.part(candidate.rows)
    return Alone(candidate, part.cost - view.ledger.replay(part, candidate.apply).cost)


def replay_jointly(view: View, found: Sequence[Alone], least: int) -> list[Together]:
    """Those that save at least `least` (1e-10) together with the others, in the order of composition."""
    ordered = sorted(found, key=lambda one: (STAGES[one.candidate.change.category], -one.saving, one.candidate.key))
    while True:
        together = _once(view, ordered)
        kept = [one.alone for one in together if one.saving >= max(1, least)]
        if len(kept) == len(ordered):
            return together
        ordered = kept


def _once(view: View, ordered: Sequence[Alone]) -> list[Together]:
    state, found = State.of(view.ledger), []
    stage, taken = 0, _none(view.lines)
    for one in ordered:
        if STAGES[one.candidate.change.category] != stage:
            stage, taken = STAGES[one.candidate.change.category], _none(view.lines)
        rows = one.candidate.rows[~taken[one.candidate.rows]]
        taken[rows] = True
        found.append(Together(one, rows, state.take(rows, one.candidate.apply)))
    return found


def _none(lines: Lines) -> np.ndarray:
    return np.zeros(len(lines), dtype=bool)
