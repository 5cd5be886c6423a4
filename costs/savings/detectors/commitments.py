"""Commitments that are paid and not used: `unused_commitment` and `oversized_commitment`.

Evidence: what a commitment cost in the window (its monthly cost, pro rata for the days it ran) against what the calls
it covered would have cost without it. It is unused where that is at most `UNUSED` of its cost; then ending it saves the
difference. It is oversized where a smaller size holds the highest use of the window with `HEADROOM` to spare: then the
part that is cut off is saved; or all of it, where even that size costs more than the calls would. Without sizes it is
oversized where it costs more than what it covers.

Never: commitments that ran for less than half of the window (too early to say), those that are worth their cost, and
sizes that the busiest moment would not fit in.
"""

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from costs.savings.candidates import Candidate, View, percent
from costs.savings.commitments import Commitment
from costs.savings.proposals import Category, Change, Effort, Evidence, Risk, Slice
from costs.savings.replay import removed
from costs.savings.units import units_of
from costs.savings.words import figure

UNUSED = Decimal("0.1")
HEADROOM = Decimal("1.1")
QUANTUM = Decimal("1e-10")


def detect(view: View) -> Iterator[Candidate]:
    """At most one candidate for each commitment."""
    for one in view.commitments:
        ran = min(view.end, one.end or view.end) - max(view.start, one.start)
        if ran < (view.end - view.start) / 2:
            continue
        cost = view.cost_of(one)
        if cost <= 0:
            continue
        if one.covered <= UNUSED * cost:
            yield _ended(one, Category.UNUSED_COMMITMENT, cost)
        elif (size := _size(one)) is not None and one.covered >= size * cost:
            yield _smaller(one, cost, size)
        elif (size is not None or not one.sizes) and one.covered < cost:
            yield _ended(one, Category.OVERSIZED_COMMITMENT, cost)


def _size(one: Commitment) -> Decimal | None:
    """The smallest size that holds its highest use; None when there is none below what it has."""
    if one.used is None:
        return None
    return min((size for size in one.sizes if size < 1 and size >= one.used * HEADROOM), default=None)


def _ended(one: Commitment, category: Category, cost: Decimal) -> Candidate:
    return _candidate(
        one, category, cost, cost - one.covered, f"End the commitment {one.name}",
        (f"Let {one.name} end, and call on demand: the calls that it covered cost {one.covered:.2f} that way.",),
        {"end": "at its next term"},
    )  # fmt: skip


def _smaller(one: Commitment, cost: Decimal, size: Decimal) -> Candidate:
    share = percent(float(size))
    return _candidate(
        one, Category.OVERSIZED_COMMITMENT, cost, (cost * (1 - size)).quantize(QUANTUM),
        f"Cut the commitment {one.name} to {share}", (f"Renew {one.name} with {share} of its capacity.",),
        {"size": f"{size}"},
    )  # fmt: skip


def _candidate(
    one: Commitment, category: Category, cost: Decimal, saving: Decimal, title: str, steps: tuple[str, ...],
    settings: dict[str, str],
) -> Candidate:  # fmt: skip
    used: tuple[Evidence, ...] = ()
    if one.used is not None:
        used = (figure("capacity", f"At most {percent(float(one.used))} of its capacity were in use.", used=one.used),)
    return Candidate(
        change=Change(category, provider=one.provider, model=one.model, settings=settings),
        slice=Slice(provider=one.provider, model=one.model), title=title, rows=np.zeros(0, dtype=np.int64),
        apply=removed, effort=Effort.MEDIUM, risk=Risk.LOW, identity=one.reference,
        evidence=(
            figure(
                "covered", f"It cost {cost:.2f} in this window and covered calls of {one.covered:.2f}.", cost=cost,
                covered=one.covered,
            ),
            *used,
        ),
        steps=steps, affected=(f"commitment:{one.reference}",), outside=units_of(saving.quantize(QUANTUM)),
        outside_cost=units_of(cost),
    )  # fmt: skip
