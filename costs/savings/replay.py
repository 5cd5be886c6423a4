"""The same lines under a change, priced by the book that was valid when each began. Pure.

A line's own usage is priced first: where the book does not give the cost that is on the line (a price that changed
backwards, a search that is billed beside the tokens, a cost from a file), the line is not *explained*. Such a line can
be left out whole, but its usage is never priced anew: the difference would not be the change's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from costs.savings.lines import Lines
from costs.savings.pricing import BatchPricer, Target
from costs.savings.units import Flags, Ints

NOTHING = -1
"""The target of a line that would not be there."""


@dataclass(slots=True)
class Part:
    """Some lines as they would be: `rows` of `Lines`, their `target` (a number of the pricer), `tokens` (9, n), the
    `cost` of that in 1e-10. Changes write into `target` and `tokens`."""

    rows: Ints
    target: Ints
    tokens: Ints
    cost: Ints

    def copy(self) -> "Part":
        return Part(self.rows, self.target.copy(), self.tokens.copy(), self.cost.copy())


Apply = Callable[[Part], None]
"""Writes a change into a part. What it makes unpriceable stays as it was."""


@dataclass(frozen=True, eq=False)
class Ledger:
    """Lines with their pricer, the target that each is priced by, and which of them the book explains."""

    lines: Lines
    pricer: BatchPricer
    target: Ints
    explained: Flags

    @classmethod
    def of(cls, lines: Lines, pricer: BatchPricer, targets: Mapping[int, Target]) -> "Ledger":
        """`targets`: by number of the profile; profiles that are not in it are not explained."""
        numbers = np.full(max(1, len(lines.profiles)), NOTHING, dtype=np.int64)
        for profile, target in targets.items():
            numbers[profile] = pricer.number(target)
        own = numbers[lines.profile] if len(lines) else lines.profile
        cost, known = pricer.price(own, lines.at, lines.tokens)
        explained = known & (own >= 0) & (cost == lines.cost) & lines.where(lambda one: one.is_plain)
        return cls(lines, pricer, own, explained)

    def part(self, rows: Ints) -> Part:
        """Lines as they are."""
        return Part(rows, self.target[rows], self.lines.tokens[:, rows], self.lines.cost[rows])

    def replay(self, part: Part, apply: Apply) -> Part:
        """The part under the change; lines that cannot be priced then stay as they were."""
        new = part.copy()
        apply(new)
        changed = (new.target != part.target) | (new.tokens != part.tokens).any(axis=0)
        where = np.flatnonzero(changed)
        cost, known = self.pricer.price(new.target[where], self.lines.at[part.rows[where]], new.tokens[:, where])
        known &= self.explained[part.rows[where]] | (new.target[where] == NOTHING)
        stays = where[~known]
        new.target[stays], new.tokens[:, stays] = part.target[stays], part.tokens[:, stays]
        new.cost[where[known]] = cost[known]
        return new


def removed(part: Part) -> None:
    """A change that leaves the lines out."""
    part.target[:] = NOTHING


def moved(pricer: BatchPricer, price_list: str, model: str) -> Apply:
    """A change of the model that answers; tiers stay as served."""

    def apply(part: Part) -> None:
        for number in np.unique(part.target).tolist():
            if number != NOTHING:
                context = pricer.targets[number].context
                part.target[part.target == number] = pricer.number(Target(price_list, model, context))

    return apply


def in_context(pricer: BatchPricer, **context: str) -> Apply:
    """A change of the tier that serves, such as `processing="batch"`."""

    def apply(part: Part) -> None:
        for number in np.unique(part.target).tolist():
            if number != NOTHING:
                target = pricer.targets[number].with_context(**context)
                part.target[part.target == number] = pricer.number(target)

    return apply


@dataclass(slots=True)
class State:
    """All lines as they would be so far, for the joint replay."""

    ledger: Ledger
    whole: Part

    @classmethod
    def of(cls, ledger: Ledger) -> "State":
        return cls(ledger, ledger.part(np.arange(len(ledger.lines), dtype=np.int64)).copy())

    def take(self, rows: Ints, apply: Apply) -> Ints:
        """Apply a change to `rows`; what each of them costs less by it, in 1e-10."""
        whole = self.whole
        part = Part(rows, whole.target[rows], whole.tokens[:, rows], whole.cost[rows])
        new = self.ledger.replay(part, apply)
        whole.target[rows], whole.tokens[:, rows], whole.cost[rows] = new.target, new.tokens, new.cost
        return part.cost - new.cost
