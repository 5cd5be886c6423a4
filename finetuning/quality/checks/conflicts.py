"""One question, two answers: a model learns to guess. Among classes one of them is wrong; in free text both may be
right, so that is told to look at."""

from ..comparing import Index, groups
from ..labels import Labels
from .base import Context


def find_conflicts(context: Context, index: Index, labels: Labels) -> None:
    for group in groups(index.bare):
        if len({index.answer[place] for place in group}) < 2:
            continue
        if all(index.labelled[place] for place in group):
            _among_classes(context, index, labels, group)
        elif len({index.asked[place] for place in group}) == 1:
            _in_free_text(context, index, group)


def _among_classes(context: Context, index: Index, labels: Labels, group: list[int]) -> None:
    """Keep the answer that most lines give, then the one that similar questions have; the others are told."""
    by_answer: dict[int, list[int]] = {}
    for place in group:
        by_answer.setdefault(index.answer[place], []).append(place)
    fit = labels.fit({places[0] for places in by_answer.values()})
    kept = max(by_answer.values(), key=lambda places: (len(places), fit[places[0]], -places[0]))
    for places in by_answer.values():
        for place in places if places is not kept else ():
            line = index.numbers[kept[0]]
            context.found.add(
                "label_conflict", index.numbers[place], f"Line {line} asks the same and has another label, which fits "
                "similar questions better.", related=(line,),
            )  # fmt: skip


def _in_free_text(context: Context, index: Index, group: list[int]) -> None:
    first = index.numbers[group[0]]
    told = {index.answer[group[0]]}
    for place in group[1:]:
        if index.answer[place] not in told:
            told.add(index.answer[place])
            context.found.add(
                "label_conflict", index.numbers[place], f"Line {first} asks the same and has another answer.",
                severity="info", related=(first,),
            )  # fmt: skip
