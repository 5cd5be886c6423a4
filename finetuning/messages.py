"""The text of a chat message, as training files and calls have it. Pure."""

from collections.abc import Iterator
from typing import Any


def text_of(content: object) -> str | None:
    """The text of a message's content, its parts joined; None when there is none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = list(_texts(content))
    return "\n".join(texts) if texts else None


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        text = part.get("text", part.get("refusal")) if isinstance(part, dict) else None
        if isinstance(text, str):
            yield text
