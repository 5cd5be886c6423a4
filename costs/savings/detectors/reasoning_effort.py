"""Much thinking for short answers.

Evidence: a slice in which at least `MUCH` of what is written is reasoning, and nine of ten visible answers have at most
`SHORT_ANSWER` tokens. The replay leaves `LEFT` of the reasoning tokens, as a lower effort setting would; how many that
leaves is a guess (vendors state none: https://developers.openai.com/api/docs/guides/reasoning), so the interval goes
from `LEFT_AT_MOST` to `LEFT_AT_LEAST`.

Never: slices that write long answers, models without reasoning. Another effort answers differently, so it is treated
like another model: medium risk, high where no score is recorded for the slice to compare with.
"""

from collections.abc import Iterator

import numpy as np

from costs.savings.candidates import Candidate, View, affected_of, percent, share
from costs.savings.lines import OUTPUT, REASONING
from costs.savings.proposals import Category, Change, Effort, Quality, Risk, Slice
from costs.savings.replay import NOTHING, Apply, Part
from costs.savings.words import ENOUGH_SCORES, figure

MUCH = 0.6
SHORT_ANSWER = 300
LEFT, LEFT_AT_LEAST, LEFT_AT_MOST = 0.5, 0.25, 0.75


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each slice that reasons much for short answers."""
    able = view.replayable & view.lines.where(lambda one: one.status == "ok")
    for part, _, rows in view.slices(able):
        written, thought = (int(view.lines.tokens[row, rows].sum()) for row in (OUTPUT, REASONING))
        visible = float(np.percentile((view.lines.tokens[OUTPUT] - view.lines.tokens[REASONING])[rows], 90))
        if share(thought, written) < MUCH or visible > SHORT_ANSWER:
            continue
        where, quality = view.name(part.project), _quality(view, part)
        yield Candidate(
            change=Change(Category.REASONING_EFFORT, provider=part.provider, model=part.model,
                          settings={"reasoning_effort": "low"}),
            slice=part, title=f"Let {part.model} think less in {where}", rows=rows, apply=_less(LEFT),
            low=_less(LEFT_AT_MOST), high=_less(LEFT_AT_LEAST), effort=Effort.MEDIUM, quality=quality,
            risk=Risk.MEDIUM if quality.current_scores >= ENOUGH_SCORES else Risk.HIGH,
            evidence=(
                figure(
                    "reasoning", f"{percent(share(thought, written))} of what is written is reasoning; nine of ten "
                    f"answers have at most {visible:.0f} tokens besides.", reasoning_share=share(thought, written),
                    visible_p90=visible,
                ),
                figure(
                    "assumption", f"Half of the reasoning is taken away ({percent(1 - LEFT_AT_MOST)} to "
                    f"{percent(1 - LEFT_AT_LEAST)}); no vendor states what a lower effort leaves.", left=LEFT,
                ),
                figure("quality", quality.text),
            ),
            steps=("Set reasoning_effort to low for a share of the calls and compare scores, then for all.",),
            affected=affected_of(part),
        )  # fmt: skip


def _quality(view: View, part: Slice) -> Quality:
    scores = view.scores.get((part.project, part.provider, part.model))
    text = (
        f"The slice has {scores.count} scores of {scores.mean:.2f} to compare a lower effort with."
        if scores
        else "No scores are recorded here, so nothing would show that answers get worse. Record some first."
    )
    return Quality(scores.mean if scores else None, None, scores.count if scores else 0, 0, text)


def _less(left: float) -> Apply:
    def apply(part: Part) -> None:
        saved = np.where(part.target == NOTHING, 0, part.tokens[REASONING] - np.ceil(part.tokens[REASONING] * left))
        gone = saved.astype(np.int64)
        part.tokens[REASONING] -= gone
        part.tokens[OUTPUT] -= gone

    return apply
