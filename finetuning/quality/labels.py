"""Answers that name a class, as numbers, with the questions that got them."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np

from .checks.base import Context
from .comparing import Index
from .likeness import features, left_out, suspicion

MAX_JUDGED = 6_000
"""Labelled lines that are judged; of more, so many drawn at random: the time grows with the square."""
MIN_LINES = 200
MIN_PER_CLASS = 12
MIN_OF_CLASS = 5
CERTAIN, LEAST, MOST = -3.0, -2.5, -2.2
TIMES_CERTAIN = 1.4
"""A line below `CERTAIN` has a wrong label nine times in ten, and about three quarters of the wrong ones are there. So
1.4 times as many lines are told, the most suspicious first; but all below `LEAST` and none above `MOST`. Chosen on
sixteen draws of 5 % changed labels in Banking77 with 20 lines a class."""
NOISY = 0.015
"""Share of certain lines from which the file is taken for noisy; in others only certain lines are told, because what
merely looks suspicious is then mostly right."""
FEW, MANY = 2, 500


class Labels:
    """The labelled lines of a file; questions are read again when something must be judged."""

    def __init__(self, context: Context, index: Index) -> None:
        self.context, self.index = context, index
        self.places = [place for place in range(len(index)) if index.labelled[place]]
        self.judged = self.noisy = self.classes = 0
        """Lines that were judged, those told of them, and their classes; 0 before `find_noise` and where it cannot."""

    def fit(self, wanted: set[int]) -> dict[int, float]:
        """How well the class of some places fits their question, by a classifier that left those out. Higher is better;
        0 for all when there is too little to learn from."""
        places = sorted(wanted | set(self._sampled(self.places)))
        numbers = Counter(self.index.answer[place] for place in places)
        if len(places) < 2 * len(wanted) or len(numbers) < FEW:
            return dict.fromkeys(wanted, 0.0)
        classes = self._classes(places)
        likely = left_out(self._features(places), classes)
        rows = {place: row for row, place in enumerate(places)}
        return {place: float(likely[rows[place], classes[rows[place]]]) for place in wanted}

    def find_noise(self) -> None:
        """Tell the lines whose class fits badly, or why that cannot be judged. Lines with findings are left out."""
        numbers = Counter(self.index.answer[place] for place in self.places)
        sound = [place for place in self.places if not self.context.found.is_flagged(self.index.numbers[place])]
        places = [place for place in sound if numbers[self.index.answer[place]] >= MIN_OF_CLASS]
        classes = len({self.index.answer[place] for place in places})
        if reason := _unable(self.context, len(places), classes):
            self.context.found.skip("label_noise", reason)
            return
        judged = self._sampled(places)
        if len(judged) < len(places):
            self.context.found.skip(
                "label_noise", f"{len(judged):,} of {len(places):,} labelled lines were judged, drawn at random."
            )
        scores = suspicion(self._features(judged), self._classes(judged))
        limit = _limit(scores)
        self.judged, self.noisy, self.classes = len(judged), int((scores < limit).sum()), classes
        for place, score in zip(judged, scores, strict=True):
            if score < limit:
                self.context.found.add(
                    "label_noise", self.index.numbers[place], "Questions like this one have another label."
                )  # fmt: skip

    def _sampled(self, places: list[int]) -> list[int]:
        if len(places) <= MAX_JUDGED:
            return places
        return sorted(random.Random(7).sample(places, MAX_JUDGED))  # noqa: S311  (a sample, no secret)

    def _classes(self, places: list[int]) -> np.ndarray:
        return np.unique([self.index.answer[place] for place in places], return_inverse=True)[1]

    def _features(self, places: list[int]) -> np.ndarray:
        said = self.index.sayings(places)
        return features([said[place].prompt for place in places])


def _limit(scores: np.ndarray) -> float:
    """Below which a line is told."""
    certain = int((scores < CERTAIN).sum())
    if certain < NOISY * len(scores):
        return CERTAIN
    reach = min(round(TIMES_CERTAIN * certain), len(scores) - 1)
    return float(np.clip(np.sort(scores)[reach], LEAST, MOST))


def _unable(context: Context, lines: int, classes: int) -> str:
    if not context.options.label_noise:
        return "Switched off."
    if not context.profile.is_closed or classes < FEW:
        return "The answers are no classes."
    if classes > MANY:
        return f"More than {MANY} classes."
    if lines < MIN_LINES or lines / classes < MIN_PER_CLASS:
        needed = f"{MIN_LINES} lines and {MIN_PER_CLASS} a class are needed"
        return f"Too few to tell: {needed}, there are {lines:,} for {classes} classes."
    return ""
