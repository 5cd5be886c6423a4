"""What a file is like as a whole, found by a first reading: the checks judge each line against it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import examples, languages, reading
from .examples import Example
from .text import hashed, normalized

LABEL_CHARACTERS = 64
LABELS_KEPT = 20_000
PREAMBLES_KEPT = 50_000
SAMPLE = 600
LABEL_REPEATS = 3


@dataclass(slots=True)
class Profile:
    """``method``: how most lines are shaped. ``labels``: answers that name a class, normalized, with their numbers;
    ``is_closed``: most answers are such. ``preambles``: hashes of leading lines shared by many prompts.
    ``language``: of most user texts, "" when there is none, with its share of those that could be judged.
    ``extra_keys``: how often each key of a line occurs."""

    method: str = "chat"
    lines: int = 0
    readable: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    is_closed: bool = False
    preambles: frozenset[int] = frozenset()
    language: str = ""
    language_share: float = 0.0
    systems: int = 0
    extra_keys: Counter[str] = field(default_factory=Counter)

    def stripped(self, prompt: str) -> str:
        """A prompt without the lines that many begin with."""
        if not self.preambles:
            return prompt
        *leading, last = prompt.split("\n")
        return "\n".join([*(line for line in leading if hashed(line) not in self.preambles), last])

    def is_label(self, answer: str) -> bool:
        """Whether an answer names a class: a known one, or a short one in a file of classes that reads like one."""
        text = normalized(answer)
        return text in self.labels or (self.is_closed and _is_short(text) and len(text.split()) <= 4)


def profile(path: Path, method: str = "") -> Profile:
    """Read the file once. Memory is bounded: answers and leading lines are counted up to a limit."""
    builder = _Builder()
    for line in reading.lines(path):
        builder.add(examples.read(line))
    return builder.build(method)


class _Builder:
    def __init__(self) -> None:
        self.lines = 0
        self.methods: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.leading: Counter[int] = Counter()
        self.extra: Counter[str] = Counter()
        self.systems: set[int] = set()
        self.sample: list[str] = []
        self.seen = 0
        self.random = random.Random(7)  # noqa: S311  (a sample, no secret)

    def add(self, example: Example) -> None:
        self.lines += 1
        if example.record is None:
            return
        self.methods[_method(example)] += 1
        self.extra.update(example.record.keys())
        if len(self.systems) < LABELS_KEPT:
            self.systems.add(hashed(example.system))
        prompt = example.prompt
        self._sample(prompt)
        for line in _leading(prompt):
            if line in self.leading or len(self.leading) < PREAMBLES_KEPT:
                self.leading[line] += 1
        if example.answer is not None:
            self._answer(normalized(example.answer.text))

    def _answer(self, text: str) -> None:
        if _is_short(text) and (text in self.answers or len(self.answers) < LABELS_KEPT):
            self.answers[text] += 1

    def _sample(self, text: str) -> None:
        """A fair sample of all prompts (reservoir, Vitter's algorithm R)."""
        self.seen += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(text)
        elif (place := self.random.randrange(self.seen)) < SAMPLE:
            self.sample[place] = text

    def build(self, method: str) -> Profile:
        readable = sum(self.methods.values())
        common = self.methods.most_common(1)
        language, share = languages.commonest(self.sample)
        labels = {text: number for text, number in self.answers.items() if number >= LABEL_REPEATS}
        few = max(10, readable // 100)
        return Profile(
            method=method or (common[0][0] if common else "chat"), lines=self.lines, readable=readable, labels=labels,
            is_closed=readable >= 20 and sum(labels.values()) >= readable / 2,
            preambles=frozenset(line for line, number in self.leading.items() if number >= few),
            language=language, language_share=share, systems=len(self.systems), extra_keys=self.extra,
        )  # fmt: skip


def _method(example: Example) -> str:
    """Reinforcement: ends with the user, and the line has fields for the grader."""
    if example.is_pair:
        return "preference"
    last = example.messages[-1].get("role") if example.messages else None
    others = set(example.record or ()) - {"messages", "tools", "functions", "parallel_tool_calls"}
    return "reinforcement" if last == "user" and others else "chat"


def _leading(prompt: str) -> Iterator[int]:
    """Hashes of the first lines of a prompt, all but its last line."""
    if "\n" not in prompt:
        return
    for line in _all_but_last(prompt.split("\n", 16)):
        yield hashed(line)


def _all_but_last(lines: list[str]) -> Iterable[str]:
    return lines[:-1][:15]


def _is_short(text: str) -> bool:
    return 0 < len(text) <= LABEL_CHARACTERS and "\n" not in text
