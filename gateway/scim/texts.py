"""Texts as they can be kept. Pure."""

from typing import Any

from gateway.scim.errors import ScimError


def text(value: Any, name: str, size: int) -> str:
    """Trimmed; None is empty. Raises `ScimError` (`invalidValue`) for what is no text of at most `size` characters."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value.strip()) > size or not is_storable(value):
        raise ScimError(400, f"{name} is a text of at most {size} characters.", "invalidValue")
    return value.strip()


def is_storable(value: str) -> bool:
    """JSON can write NUL and halves of surrogate pairs, which PostgreSQL does not take and UTF-8 does not have."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
