"""Words of the document → names of the representation: Pascal case for types, snake case for methods. Pure."""

import re

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def words(text: str) -> list[str]:
    """`max_tokens`, `maxTokens`, `Max-Tokens` → `["max", "tokens"]`; what is no ASCII letter or digit parts words."""
    return [word.lower() for word in _WORDS.findall(text)]


def pascal(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in words(text))


def snake(text: str) -> str:
    return "_".join(words(text))


def type_name(text: str) -> str:
    """A component's name as the name of a type: as it is when it is one, else in Pascal case; empty when nothing is
    left."""
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*", text):
        return text
    return pascal(text)
