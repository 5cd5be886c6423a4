"""Answers that run away to the limit.

Only what is written is billed: a high `max_tokens` by itself costs nothing, and a limit below what answers need cuts
them off. Money is lost where answers run on until the limit: evidence are answers that were cut off (`finish_reason`
says the length) after at least `RUNAWAY` times what nineteen of twenty finished answers of the slice need. The replay
caps the slice at `ROOM` times the longest that 99 % of finished answers need. The interval's lower end caps at twice
that.

Never: limits that nothing reaches, slices whose finished answers are as long (their limit is too low, not too high),
slices with too few finished answers to say what they need.
"""

from collections.abc import Iterator

import numpy as np

from costs.savings.candidates import LEAST_REQUESTS, Candidate, View, affected_of
from costs.savings.lines import AUDIO_OUT, OUTPUT, REASONING
from costs.savings.proposals import Category, Change, Effort, Risk
from costs.savings.replay import NOTHING, Apply, Part
from costs.savings.units import money, total
from costs.savings.words import figure

RUNAWAY = 4
ROOM = 1.5
CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS", "incomplete"})
ROUND = 64


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each slice with runaway answers."""
    lines = view.lines
    cut = lines.where(lambda one: one.finish in CUT_OFF)
    able = view.replayable & lines.where(lambda one: one.status == "ok")
    for part, _, rows in view.slices(able):
        finished = lines.tokens[OUTPUT, rows[~cut[rows]]]
        if len(finished) < LEAST_REQUESTS:
            continue
        usual = float(np.percentile(finished, 95))
        runaway = rows[cut[rows] & (lines.tokens[OUTPUT, rows] >= RUNAWAY * max(usual, 1.0))]
        cap = int(np.ceil(ROOM * float(np.percentile(finished, 99)) / ROUND)) * ROUND
        over = runaway[lines.tokens[OUTPUT, runaway] > cap]
        if not len(over):
            continue
        where = view.name(part.project)
        yield Candidate(
            change=Change(Category.OUTPUT_LENGTH, provider=part.provider, model=part.model,
                          settings={"max_tokens": str(cap)}),
            slice=part, title=f"Cap answers of {part.model} in {where} at {cap:,} tokens", rows=over,
            apply=_capped(cap), low=_capped(2 * cap), effort=Effort.LOW, risk=Risk.LOW,
            evidence=(
                figure(
                    "runaway", f"{len(over):,} answers ran on until they were cut off, on average at "
                    f"{float(lines.tokens[OUTPUT, over].mean()):,.0f} tokens; nineteen of twenty finished ones have at "
                    f"most {usual:,.0f}.", lines=len(over), cost=money(total(lines.cost[over])), usual_p95=usual,
                ),
                figure("cut_off", "They were cut off already, so a lower limit cuts off no answer that is whole."),
            ),
            steps=(f"Set the output cap of the route to {cap:,} tokens, or max_tokens in the application.",),
            affected=affected_of(part),
        )  # fmt: skip


def _capped(cap: int) -> Apply:
    def apply(part: Part) -> None:
        tokens, here = part.tokens, part.target != NOTHING
        tokens[OUTPUT] = np.where(here, np.minimum(tokens[OUTPUT], cap), tokens[OUTPUT])
        tokens[REASONING] = np.where(
            here, np.minimum(tokens[REASONING], np.maximum(tokens[OUTPUT] - tokens[AUDIO_OUT], 0)), tokens[REASONING]
        )

    return apply
