"""Casing of names that the representation spells in snake or Pascal case, or as they stand on the wire. Pure."""

from sdkgen.ir.names import pascal, snake, words

__all__ = ["camel", "pascal", "screaming", "snake", "words"]


def camel(text: str) -> str:
    """`max_tokens` → `maxTokens`."""
    found = pascal(text)
    return found[:1].lower() + found[1:]


def screaming(text: str) -> str:
    """`max_tokens` → `MAX_TOKENS`."""
    return snake(text).upper()
