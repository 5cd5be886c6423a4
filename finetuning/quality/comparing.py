"""Which lines of a file, or of two, say the same: by hashes for sameness, by MinHash for likeness (``rensa``, 64
permutations in bands), then proved on the texts, which are read again. About 330 bytes are kept per line."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rensa import RMinHash

from . import text as texts
from .checks.base import Context
from .examples import Example

PERMUTATIONS = 64
BANDS_FEW, BANDS_MANY, MANY = 21, 16, 20_000
"""Bands of 3 permutations find nearly all that is alike by half; of many lines bands of 4 keep the pairs few."""
SEED = 7
CHUNK = 2_000
CROWD = 40
"""Lines of one band that are compared all with all; of more only neighbours are, so that no file takes hours."""
SHORT_CHARACTERS = 240
SHORT_LIKENESS, LONG_LIKENESS = 0.8, 0.7
WHOLE_LIKENESS, ANSWER_LIKENESS, RESEMBLING = 0.6, 0.8, 0.5
"""Chosen on half of GPTeacher's Toolformer set."""
ANSWER_WORDS = 5
FEW_WORDS = 40


@dataclass(frozen=True, slots=True)
class Saying:
    """What is compared of an example: normalized, without the leading lines that many prompts share."""

    prompt: str
    bare: str
    answer: str
    is_label: bool

    @property
    def grams(self) -> set[str]:
        whole = self.bare if self.is_label else f"{self.bare}\n{self.answer}"
        return texts.shingles(whole) if len(whole) <= SHORT_CHARACTERS else texts.word_runs(whole)


def saying(example: Example, context: Context) -> Saying:
    answer = example.answer.text if example.answer else ""
    prompt = texts.normalized(context.profile.stripped(example.prompt))
    is_label = context.profile.is_label(answer)
    return Saying(prompt, texts.bare(prompt), texts.normalized(answer), is_label)


class Index:
    """Fingerprints of the comparable examples of one file, in order of lines."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.numbers, self.offsets, self.tokens = array("L"), array("Q"), array("L")
        self.whole, self.asked, self.bare, self.answer = array("Q"), array("Q"), array("Q"), array("Q")
        self.labelled = bytearray()
        self._normalized = lru_cache(16)(texts.normalized)
        """Of instructions, which most lines share."""
        self._waiting: list[set[str]] = []
        self._signatures: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, example: Example) -> None:
        if not example.is_comparable:
            return
        said = saying(example, self.context)
        system, prompt = self._normalized(example.system), texts.normalized(example.prompt)
        rejected = texts.normalized(example.rejected.text) if example.rejected else ""
        self.numbers.append(example.number)
        self.offsets.append(example.offset)
        self.tokens.append(example.tokens)
        self.whole.append(texts.hashed(system, prompt, said.answer, rejected, _tools(example)))
        self.asked.append(texts.hashed(system, prompt))
        self.bare.append(texts.hashed(system, said.bare))
        self.answer.append(texts.hashed(said.answer))
        self.labelled.append(said.is_label)
        self._waiting.append(said.grams)
        if len(self._waiting) >= CHUNK:
            self._sign()

    def _sign(self) -> None:
        if self._waiting:
            sets = [list(grams) for grams in self._waiting]  # the least of hashes knows no order
            matrix = RMinHash.digest_matrix_from_token_sets(sets, PERMUTATIONS, SEED)
            self._signatures.append(np.array(matrix.to_rows(), dtype=np.uint32))
            self._waiting.clear()

    @property
    def signatures(self) -> np.ndarray:
        """uint32[len(self), PERMUTATIONS]."""
        self._sign()
        if len(self._signatures) != 1:
            empty = np.empty((0, PERMUTATIONS), dtype=np.uint32)
            self._signatures = [np.concatenate([empty, *self._signatures])]
        return self._signatures[0]

    def sayings(self, places: Iterable[int]) -> dict[int, Saying]:
        """Texts of some places, read again from the file."""
        ordered = sorted(set(places))
        found = self.context.again([(self.numbers[place], self.offsets[place]) for place in ordered])
        return {place: saying(example, self.context) for place, example in zip(ordered, found, strict=True)}


def _tools(example: Example) -> str:
    """Calls of the answer are part of what it says."""
    calls = [message.get("tool_calls") or message.get("function_call") for message in example.messages]
    return repr([call for call in calls if call]) if any(calls) else ""


def groups(values: array[int]) -> Iterator[list[int]]:
    """Places with equal values, two or more, each in order."""
    keys = np.frombuffer(values, dtype=np.uint64)
    order = np.argsort(keys, kind="stable")
    edges = np.flatnonzero(np.diff(keys[order])) + 1
    for group in np.split(order, edges) if len(order) else ():
        if len(group) > 1:
            yield [int(place) for place in group]


def candidates(signatures: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of rows that agree in a band, the smaller first."""
    pairs: set[tuple[int, int]] = set()
    bands = BANDS_FEW if len(signatures) <= MANY else BANDS_MANY
    width = PERMUTATIONS // bands
    for band in range(bands):
        block = np.ascontiguousarray(signatures[:, band * width : (band + 1) * width])
        keys = block.view(np.dtype((np.void, block.dtype.itemsize * width))).ravel()
        _, inverse, sizes = np.unique(keys, return_inverse=True, return_counts=True)
        order = np.argsort(inverse, kind="stable")
        start = 0
        for size in sizes:
            if size > 1:
                pairs.update(_within(order[start : start + size].tolist()))
            start += size
    return pairs


def _within(group: list[int]) -> Iterator[tuple[int, int]]:
    reach = len(group) if len(group) <= CROWD else 3
    for place, one in enumerate(group):
        for other in group[place + 1 : place + reach]:
            yield (one, other)


def is_alike(one: Saying, other: Saying) -> bool:
    """Whether two examples say nearly the same. Likeness: Jaccard index of runs of five characters or three words.

    Of questions with the same class or a short answer no word of weight may differ but by its spelling, and no number:
    "20 minutes" is not "30 minutes". With answers of some length it is enough that these are nearly the same and the
    questions resemble each other, or that both together do.
    """
    if one.bare == other.bare and one.answer == other.answer:
        return True
    if one.is_label or other.is_label or not _is_long(one.answer, other.answer):
        return one.answer == other.answer and _questions_alike(one.bare, other.bare)
    first, second = f"{one.bare}\n{one.answer}", f"{other.bare}\n{other.answer}"
    if _numbers(first) != _numbers(second):
        return False
    if texts.jaccard(texts.word_runs(first), texts.word_runs(second)) >= WHOLE_LIKENESS:
        return True
    return (
        texts.jaccard(texts.shingles(one.answer), texts.shingles(other.answer)) >= ANSWER_LIKENESS
        and texts.jaccard(texts.shingles(first), texts.shingles(second)) >= RESEMBLING
    )


def _is_long(one: str, other: str) -> bool:
    return min(len(one.split()), len(other.split())) >= ANSWER_WORDS


def _numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+", text))


def _questions_alike(one: str, other: str) -> bool:
    if max(len(one), len(other)) <= SHORT_CHARACTERS:
        if texts.jaccard(texts.shingles(one), texts.shingles(other)) < SHORT_LIKENESS:
            return False
    elif texts.jaccard(texts.word_runs(one), texts.word_runs(other)) < LONG_LIKENESS:
        return False
    return _same_words(one.split(), other.split())


def _same_words(one: list[str], other: list[str]) -> bool:
    if len(one) > FEW_WORDS or len(other) > FEW_WORDS:
        return [word for word in one if word.isdigit()] == [word for word in other if word.isdigit()]
    left, right = _without(one, other), _without(other, one)
    light = [word for word in (*left, *right) if len(word) > 2 or word.isdigit()]
    if not light:
        return True
    return len(left) == len(right) and all(
        _one_slip(first, second) for first, second in zip(sorted(left), sorted(right), strict=True)
    )  # fmt: skip


def _without(words: list[str], others: list[str]) -> list[str]:
    known = set(others)
    return [word for word in words if word not in known]


def _one_slip(one: str, other: str) -> bool:
    """A letter more, less or other, in a word of four or more without digits."""
    if min(len(one), len(other)) < 4 or any(map(str.isdigit, one + other)) or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    return one[start + (len(one) >= len(other)) :] == other[start + (len(other) >= len(one)) :]
