"""What a text must have before a pattern can match in it: looking for that costs a fraction of the search itself, and
most texts have nothing of the kind.

A gate may open for a text without a match; it must never be shut for one with a match.
"""

import re
from collections.abc import Callable

Gate = Callable[[str], bool]
_DIGIT = re.compile(r"\d")


def is_open(_text: str) -> bool:
    """For a pattern without a cheap condition."""
    return True


def any_of(*literals: str) -> Gate:
    """One of some strings."""
    if len(literals) == 1:
        (literal,) = literals
        return lambda text: literal in text

    def gate(text: str) -> bool:
        for literal in literals:  # noqa: SIM110  (a generator costs more than what it looks for)
            if literal in text:
                return True
        return False

    return gate


def has_digit(text: str) -> bool:
    """A decimal digit of any script, as `\\d`."""
    return _has_ascii_digit(text) or (not text.isascii() and _DIGIT.search(text) is not None)


_has_ascii_digit = any_of(*"0123456789")


def digits_like(expression: str) -> Gate:
    """A digit, and then what `expression` finds: the heart of a pattern without its surroundings."""
    search = re.compile(expression).search
    return lambda text: has_digit(text) and search(text) is not None
