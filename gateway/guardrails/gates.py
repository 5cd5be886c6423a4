"""What a text must have before a pattern can match in it: looking for that costs a fraction of the search itself, and
most texts have nothing of the kind.

A gate may open for a text without a match; it must never be shut for one with a match.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_DIGIT = re.compile(r"\d")
_BY_FREQUENCY = " etaoinsrhldcumfpgwybvkxjqz"
"""English, commonest first; everything else is rarer."""
DIGIT = "0-9"
"""The mark of what has a decimal digit of any script."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Open when the text has the letter `mark` (always when empty) and `opens` says so. Gates with the same mark can
    be shut together, by looking for it once."""

    mark: str
    opens: Callable[[str], bool]

    def __call__(self, text: str) -> bool:
        return has_mark(self.mark, text) and self.opens(text)


def has_mark(mark: str, text: str) -> bool:
    return has_digit(text) if mark == DIGIT else mark in text


def _yes(_text: str) -> bool:
    return True


is_open = Gate("", _yes)
"""For a pattern without a cheap condition."""


def any_of(*literals: str) -> Gate:
    """One of some strings. Its mark is the rarest letter that all of them have."""
    mark = max(sorted(set.intersection(*map(set, literals))), key=_rarity, default="")
    if len(literals) == 1:
        (literal,) = literals
        return Gate(mark, _yes if literal == mark else lambda text: literal in text)

    def opens(text: str) -> bool:
        for literal in literals:  # noqa: SIM110  (a generator costs more than what it looks for)
            if literal in text:
                return True
        return False

    return Gate(mark, opens)


def anywhere(literals: Sequence[str]) -> Gate:
    """One of many strings, in one pass: each is recognized by its rarest letter, with what stands around it."""
    around: dict[str, list[str]] = {}
    for literal in literals:
        place = max(range(len(literal)), key=[_rarity(letter) for letter in literal].__getitem__)
        before, mark, behind = literal[:place], literal[place], literal[place + 1 :]
        sides = f"(?<={re.escape(before + mark)})" if before else ""
        around.setdefault(mark, []).append(sides + re.escape(behind))
    search = re.compile("|".join(f"{re.escape(mark)}(?:{'|'.join(sides)})" for mark, sides in around.items())).search
    return Gate("", lambda text: search(text) is not None)


def _rarity(letter: str) -> int:
    place = _BY_FREQUENCY.find(letter)
    return place if place >= 0 else len(_BY_FREQUENCY)


def has_digit(text: str) -> bool:
    """A decimal digit of any script, as `\\d`."""
    for digit in "0123456789":
        if digit in text:
            return True
    return not text.isascii() and _DIGIT.search(text) is not None


def digits_like(expression: str) -> Gate:
    """A digit, and then what `expression` finds: the heart of a pattern without its surroundings."""
    search = re.compile(expression).search
    return Gate(DIGIT, lambda text: search(text) is not None)
