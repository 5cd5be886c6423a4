"""Calls that nobody waits for, at the price of a batch.

Evidence: a slice (project × endpoint × provider × model) without streams and without end users, whose calls come in
heaps: six hours of the day hold `CONCENTRATED` of them, or `CONCENTRATED` come in minutes with at least `HEAP` calls
that are a small part (`FEW_MINUTES`) of the window. The book must know a batch price of the model; what is read from
the vendor's prompt cache is priced as the batch list says, which often gives no second discount.

Never: slices with streams or end users, traffic over the whole day, calls that already run in a batch or flex tier,
tool calls (an answer is awaited to go on). A batch answers within 24 hours; whether that is soon enough only the owner
knows, so the effort is high.
"""

from collections.abc import Iterator

import numpy as np

from costs.savings.candidates import Candidate, View, affected_of, percent, share
from costs.savings.lines import HOUR_MS, Profile
from costs.savings.proposals import Category, Change, Effort, Risk
from costs.savings.replay import in_context
from costs.savings.units import Ints
from costs.savings.words import figure

CONCENTRATED = 0.85
BUSY_HOURS = 6
HEAP = 10
FEW_MINUTES = 0.1
STANDARD = frozenset({"", "default", "standard", "auto", "on_demand", "standard_only"})
MINUTE_MS = 60_000


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each slice that could run in batches."""
    lines = view.lines
    awaited = {
        (one.project, one.endpoint, one.model)
        for one in lines.profiles
        if one.is_stream or one.has_end_user or one.has_tools
    }
    able = view.replayable & lines.where(lambda one: _is_able(one) and _place(one) not in awaited)
    for part, _, rows in view.slices(able):
        hours, heaps = _busiest(lines.at[rows]), _heaped(lines.at[rows], view.window)
        if max(hours, heaps) < CONCENTRATED:
            continue
        target = view.target(rows)
        if not view.pricer.cards(target.with_context(processing="batch")):
            continue
        where = view.name(part.project)
        yield Candidate(
            change=Change(Category.BATCH, provider=part.provider, model=part.model,
                          settings={"service_tier": "batch"}),
            slice=part,
            title=f"Run {part.model} of {where} in batches",
            rows=rows, apply=in_context(view.pricer, processing="batch"), effort=Effort.HIGH, risk=Risk.NONE,
            evidence=(
                figure(
                    "nobody_waits", f"None of {len(rows):,} calls is a stream or names an end user.", calls=len(rows)
                ),
                figure(
                    "heaps",
                    f"{percent(hours)} of the calls come in the same {BUSY_HOURS} hours of the day (UTC)."
                    if hours >= CONCENTRATED
                    else f"{percent(heaps)} of the calls come in few minutes with at least {HEAP} each.",
                    busiest_hours_share=hours, heaped_share=heaps,
                ),
                figure("price", "The price list has a batch price for this model; a batch answers within 24 hours."),
            ),
            steps=(
                "Write the calls of a run into a file of requests, one a line.",
                "Send it through POST /v1/files and POST /v1/batches, and read the answers when it is done.",
            ),
            affected=affected_of(part),
        )  # fmt: skip


def _is_able(one: Profile) -> bool:
    return one.status == "ok" and one.tier in STANDARD


def _place(one: Profile) -> tuple[str, str, str]:
    return one.project, one.endpoint, one.model


def _busiest(at: Ints) -> float:
    """Share of the busiest hours of the day."""
    hours = np.bincount((at % (24 * HOUR_MS)) // HOUR_MS, minlength=24)
    return share(int(np.sort(hours)[-BUSY_HOURS:].sum()), len(at))


def _heaped(at: Ints, window: tuple[int, int]) -> float:
    """Share of calls in minutes of many; 0 where such minutes are usual."""
    _, counts = np.unique(at // MINUTE_MS, return_counts=True)
    many = counts[counts >= HEAP]
    if share(len(many) * MINUTE_MS, window[1] - window[0]) > FEW_MINUTES:
        return 0.0
    return share(int(many.sum()), len(at))
