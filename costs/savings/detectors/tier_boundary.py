"""Prompts just above a length from which everything costs more.

Evidence: where the list has context-length tiers, crossing one re-prices the whole request, input and output. Calls
whose prompt is at most `JUST_ABOVE` longer than the bound are replayed with the prompt cut to it, fresh tokens first to
go; nothing else changes.

Never: prompts far above a bound (they need their length), prompts whose excess is cached (it would have to be read
anyway), models without tiers.
"""

from collections.abc import Iterator

import numpy as np

from costs.savings.candidates import Candidate, View, affected_of
from costs.savings.lines import AUDIO_IN, CACHE_READ, INPUT, WRITE_1H, WRITE_5M
from costs.savings.proposals import Category, Change, Effort, Risk
from costs.savings.replay import NOTHING, Apply, Part
from costs.savings.units import money, total
from costs.savings.words import figure

JUST_ABOVE = 0.1


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each slice and bound."""
    able = view.replayable & view.lines.where(lambda one: one.status == "ok")
    for part, _, rows in view.slices(able):
        cards = view.pricer.cards(view.target(rows))
        for bound in [tier.above_tokens for tier in cards[-1].tiers if tier.above_tokens > 0] if cards else []:
            tokens = view.lines.tokens[:, rows]
            fresh = tokens[INPUT] - tokens[CACHE_READ] - tokens[WRITE_5M] - tokens[WRITE_1H] - tokens[AUDIO_IN]
            above = tokens[INPUT] - bound
            near = rows[(above > 0) & (above <= JUST_ABOVE * bound) & (fresh >= above)]
            if not len(near):
                continue
            where = view.name(part.project)
            yield Candidate(
                change=Change(Category.TIER_BOUNDARY, provider=part.provider, model=part.model,
                              settings={"max_input_tokens": str(bound)}),
                slice=part, title=f"Keep prompts of {part.model} in {where} within {bound:,} tokens",
                rows=near, apply=_cut(bound), effort=Effort.HIGH, risk=Risk.LOW, identity=str(bound),
                evidence=(
                    figure(
                        "above", f"{len(near):,} prompts are longer than {bound:,} tokens by less than "
                        f"{JUST_ABOVE * 100:.0f} %, and pay the higher rate for every token.", lines=len(near),
                        cost=money(total(view.lines.cost[near])), bound=bound,
                        median_excess=float(np.median(view.lines.tokens[INPUT, near] - bound)),
                    ),
                ),
                steps=(
                    f"Count tokens before the call, and shorten what is retrieved or remembered to {bound:,} tokens.",
                ),
                affected=affected_of(part),
            )  # fmt: skip


def _cut(bound: int) -> Apply:
    def apply(part: Part) -> None:
        part.tokens[INPUT] = np.where(part.target == NOTHING, part.tokens[INPUT], np.minimum(part.tokens[INPUT], bound))

    return apply
