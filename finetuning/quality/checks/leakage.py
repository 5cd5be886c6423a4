"""Validation examples that are trained on: what is measured with them is memory, not skill."""

import numpy as np

from ..comparing import Index, candidates, is_alike
from ..findings import Findings


def find_leaks(found: Findings, train: Index, validation: Index) -> None:
    """Lines of findings are the validation file's; ``related`` are the training file's."""
    asked = dict(zip(reversed(train.asked), range(len(train) - 1, -1, -1), strict=True))
    bare = dict(zip(reversed(train.bare), range(len(train) - 1, -1, -1), strict=True))
    leaked: set[int] = set()
    for place in range(len(validation)):
        if (source := asked.get(validation.asked[place])) is not None:
            leaked.add(place)
            _add(found, "leak_exact", train, validation, (source, place))
        elif (source := bare.get(validation.bare[place])) is not None:
            leaked.add(place)
            _add(found, "leak_near", train, validation, (source, place))
    for source, place in _near(train, validation, leaked):
        if place not in leaked:
            leaked.add(place)
            _add(found, "leak_near", train, validation, (source, place))


def _near(train: Index, validation: Index, leaked: set[int]) -> list[tuple[int, int]]:
    """(place in train, place in validation) that say nearly the same."""
    size = len(train)
    pairs = [
        (one, other - size)
        for one, other in sorted(candidates(np.concatenate([train.signatures, validation.signatures])))
        if one < size <= other and other - size not in leaked
    ]
    trained = train.sayings(one for one, _ in pairs)
    checked = validation.sayings(other for _, other in pairs)
    return [(one, other) for one, other in pairs if is_alike(trained[one], checked[other])]


def _add(found: Findings, kind: str, train: Index, validation: Index, places: tuple[int, int]) -> None:
    source, place = train.numbers[places[0]], validation.numbers[places[1]]
    told = "is trained on" if kind == "leak_exact" else "is nearly the same as one that is trained on"
    found.add(
        kind, place, f"The question {told}: line {source} of the training file.", related=(source,), file="validation"
    )
