"""What `failed_calls` and `retry_waste` share: lines that were paid and of no use, slice by slice."""

from collections.abc import Callable, Iterator

import numpy as np

from costs.savings.candidates import LEAST_SLICE_SHARE, Candidate, View, affected_of, percent, share
from costs.savings.lines import Profile
from costs.savings.proposals import Category, Change, Effort, Risk
from costs.savings.replay import removed
from costs.savings.units import money, total
from costs.savings.words import figure


def wasted(
    view: View, category: Category, test: Callable[[Profile], bool], title: str, words: str, steps: tuple[str, ...]
) -> Iterator[Candidate]:
    """A candidate for each slice of which paid lines that pass `test` are at least `LEAST_SLICE_SHARE`. `title` and
    `words` are formatted with `model`, `project`, `count` and `share`."""
    lines = view.lines
    useless = lines.where(test) & (lines.cost > 0)
    for part, _, rows in view.slices(useless):
        key = (part.project, part.endpoint, part.provider, part.model)
        whole = lines.where(lambda one, key=key: (one.project, one.endpoint, one.provider, one.model) == key)  # type: ignore[misc]
        spent, waste = total(lines.cost[whole]), total(lines.cost[rows])
        if waste < LEAST_SLICE_SHARE * spent:
            continue
        names, codes = lines.codes(lambda one: one.status)
        counts = np.bincount(codes[rows], minlength=len(names))
        told = {"model": part.model, "project": view.name(part.project), "count": f"{len(rows):,}",
                "share": percent(share(waste, spent))}  # fmt: skip
        yield Candidate(
            change=Change(category, provider=part.provider, model=part.model),
            slice=part, title=title.format(**told), rows=rows, apply=removed, effort=Effort.MEDIUM, risk=Risk.NONE,
            evidence=(
                figure("waste", words.format(**told), lines=len(rows), cost=money(waste), share=share(waste, spent)),
                figure(
                    "outcomes", "They ended as " + ", ".join(
                        f"{name} ({count:,})" for name, count in zip(names, counts.tolist(), strict=True) if count
                    ) + ".", **{name: count for name, count in zip(names, counts.tolist(), strict=True) if count},
                ),
            ),
            steps=steps, affected=affected_of(part),
        )  # fmt: skip
