"""Personal data by Presidio's recognizers (https://microsoft.github.io/presidio/), where `requirements-presidio.txt` is
installed: numbers of many countries that a checksum proves, beside those that `privacy` proves itself. No language
model is needed or downloaded, so names and places are not looked for. It is slow: of a long file the first lines are
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

from ..examples import Example
from .base import Check, Context
from .privacy import spans

MOST_TEXTS = 2_000
SURE = 1.0
"""Presidio's own score where the checksum is right; a bare pattern has less."""
LEFT_TO_OTHERS = frozenset({"URL", "IP_ADDRESS", "DATE_TIME"})
LONGEST = 20_000


def is_installed() -> bool:
    return find_spec("presidio_analyzer") is not None


@cache
def _recognizers() -> tuple[Any, ...]:
    """Those that prove a number by its checksum, of all countries."""
    from presidio_analyzer import PatternRecognizer, predefined_recognizers

    kinds: list[Any] = [getattr(predefined_recognizers, name) for name in predefined_recognizers.__all__]
    bare: Any = PatternRecognizer
    patterned: list[Any] = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, bare)]
    proving = (kind for kind in patterned if kind.validate_result is not bare.validate_result)
    return tuple(kind(supported_language="en") for kind in proving)


class Presidio(Check):
    """Nothing where it is not installed."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.is_on, self.looked_at, self.left = is_installed(), 0, 0

    def look(self, example: Example) -> None:
        if not self.is_on:
            return
        for turn in example.turns:
            if not any(map(str.isdigit, turn.text)):
                continue
            if self.looked_at >= MOST_TEXTS:
                self.left += 1
                continue
            self.looked_at += 1
            for entity, start in found_in(turn.text[:LONGEST]):
                what = entity.replace("_", " ").lower()
                message = f"Presidio finds personal data ({what}) at character {start + 1}."
                self.found("pii", example, message, path=turn.path)

    def finish(self) -> None:
        if self.left:
            told = f"Presidio looked at the first {self.looked_at:,} texts with digits; {self.left:,} were left out."
            self.context.found.skip("presidio", told)


def found_in(text: str) -> Iterator[tuple[str, int]]:
    """(entity, start) of what is sure and that our own patterns did not find, each entity once. A checksum of one digit
    is right for a tenth of all numbers, so the text has to name the thing too, by a word that the recognizer knows."""
    known = [(start, end) for _, _, start, end in spans(text)]
    told: set[str] = set()
    spoken = text.casefold()
    named = (each for each in _recognizers() if any(word.casefold() in spoken for word in each.context or ()))
    results = (one for each in named for one in each.analyze(text, each.supported_entities, None))
    for one in sorted(results, key=lambda one: (one.start, one.entity_type)):
        is_ours = any(one.start < end and start < one.end for start, end in known)
        if one.score >= SURE and not is_ours and one.entity_type not in (LEFT_TO_OTHERS | told):
            told.add(one.entity_type)
            yield one.entity_type, one.start
