"""The search for savings over a view: detect, replay alone, replay together. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

import numpy as np

from costs.savings.candidates import LEAST_REQUESTS, MONTH, Candidate, View
from costs.savings.detectors import DETECTORS
from costs.savings.intervals import interval
from costs.savings.joint import Alone, Together, replay_alone, replay_jointly
from costs.savings.proposals import ZERO, Findings, Interval, Proposal
from costs.savings.units import money, total

QUANTUM = Decimal("1e-10")


def search(view: View, notes: Iterable[tuple[str, str]] = ()) -> Findings:
    """Every detector over a view."""
    together = find_together(view)
    proposals = sorted((_proposal(view, one) for one in together), key=lambda one: (-one.joint_saving, one.key))
    return Findings(
        start=view.start, end=view.end, currency=view.pricer.currency, spend=view.spend, lines=len(view.lines),
        proposals=tuple(proposals), joint_saving=sum((one.joint_saving for one in proposals), ZERO),
        joint_interval=_joint_interval(view, together, proposals) if proposals else None, notes=tuple(notes),
        committed=view.committed,
    )  # fmt: skip


def find_together(view: View) -> list[Together]:
    """What is worth proposing, with what is left to each when all are made, in the order of composition."""
    least = view.least()
    alone = [
        one
        for detect in DETECTORS.values()
        for candidate in detect(view)
        if len(candidate.rows) >= LEAST_REQUESTS or candidate.outside
        for one in [replay_alone(view, candidate)]
        if one.saving >= max(1, least)
    ]
    return replay_jointly(view, alone, least)


def _proposal(view: View, one: Together) -> Proposal:
    candidate = one.alone.candidate
    rows = candidate.rows
    actual = total(view.lines.cost[rows]) + candidate.outside_cost
    return Proposal(
        key=candidate.key, category=candidate.change.category, title=candidate.title, slice=candidate.slice,
        change=candidate.change, lines=len(rows), requests=len(np.unique(view.lines.request[rows])),
        actual_cost=money(actual), replayed_cost=money(actual - one.alone.saving), saving=money(one.alone.saving),
        interval=_interval(view, one.alone), joint_saving=money(one.saving),
        monthly_saving=_monthly(view, money(one.saving)), effort=candidate.effort, risk=candidate.risk,
        evidence=candidate.evidence, steps=candidate.steps, affected=candidate.affected, quality=candidate.quality,
    )  # fmt: skip


def _monthly(view: View, saving: Decimal) -> Decimal:
    second = timedelta(seconds=1)
    return (saving * Decimal(MONTH / second) / Decimal((view.end - view.start) / second)).quantize(QUANTUM)


def _interval(view: View, one: Alone) -> Interval:
    candidate = one.candidate
    ends = [
        None if apply is None else replay_alone(view, _with(candidate, apply)).saving
        for apply in (candidate.low, candidate.high)
    ]
    found = interval(one.saved, view.lines.at[candidate.rows], view.window, low=ends[0], high=ends[1])
    outside = money(candidate.outside)
    return Interval(found.level, found.lower + outside, found.upper + outside)


def _with(candidate: Candidate, apply: object) -> Candidate:
    return Candidate(
        candidate.change, candidate.slice, candidate.title, candidate.rows, apply, candidate.effort, candidate.risk,  # type: ignore[arg-type]
        candidate.evidence, candidate.steps,
    )  # fmt: skip


def _joint_interval(view: View, together: Sequence[Together], proposals: Sequence[Proposal]) -> Interval:
    """Of the sum: days vary together, so their sum is resampled; each guess widens it by its own share."""
    saved = np.zeros(len(view.lines), dtype=np.int64)
    for one in together:
        np.add.at(saved, one.rows, one.saved)
    ends = _ends(view, together)
    found = interval(saved, view.lines.at, view.window, low=ends[0], high=ends[1])
    outside = money(sum(one.alone.candidate.outside for one in together))
    return Interval(found.level, found.lower + outside, found.upper + outside)


def _ends(view: View, together: Sequence[Together]) -> tuple[int, int]:
    low = high = 0
    for one in together:
        candidate, joint = one.alone.candidate, total(one.saved)
        alone = total(one.alone.saved)
        shares = [
            1.0 if apply is None or not alone else replay_alone(view, _with(candidate, apply)).saving / alone
            for apply in (candidate.low, candidate.high)
        ]
        low, high = low + round(joint * min(1.0, shares[0])), high + round(joint * max(1.0, shares[1]))
    return low, high
