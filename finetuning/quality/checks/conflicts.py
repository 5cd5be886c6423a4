"""One question, two answers: a model learns to guess. Among classes one of them is wrong; in free text both may be
right, so that is told to look at."""

from ..comparing import Index, groups
from ..labels import Labels
from .base import Context


def find_conflicts(context: Context, index: Index, labels: Labels) -> None:
    among_classes: list[list[list[int]]] = []
    for group in groups(index.bare):
        if len({index.answer[place] for place in group}) < 2:
            continue
        if all(index.labelled[place] for place in group):
            among_classes.append(_by_answer(index, group))
        elif len({index.asked[place] for place in group}) == 1:
            _in_free_text(context, index, group)
    if among_classes:
        fit = labels.fit({places[0] for rivals in among_classes for places in rivals})
        for rivals in among_classes:
            _tell_rivals(context, index, rivals, fit)


def _by_answer(index: Index, group: list[int]) -> list[list[int]]:
    by_answer: dict[int, list[int]] = {}
    for place in group:
        by_answer.setdefault(index.answer[place], []).append(place)
    return list(by_answer.values())


def _tell_rivals(context: Context, index: Index, rivals: list[list[int]], fit: dict[int, float]) -> None:
    """Keep the answer that most lines give, then the one that similar questions have; the others are told."""
    kept = max(rivals, key=lambda places: (len(places), fit[places[0]], -places[0]))
    line = index.numbers[kept[0]]
    for place in (place for places in rivals if places is not kept for place in places):
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
