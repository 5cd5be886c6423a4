"""Chat messages as training files and calls have them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
INSTRUCTING = ("system", "developer")


def answered(record: Mapping[str, Any]) -> tuple[list[Message], Message]:
    """What comes before the assistant's last message of a chat record, and that message. Raises ValueError."""
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ValueError("The record has no messages.")
    if not all(isinstance(message, Mapping) for message in messages):
        raise ValueError("A message is not an object.")
    if messages[-1].get("role") != "assistant":
        raise ValueError("The last message is not the assistant's.")
    return messages[:-1], messages[-1]


def spoken(messages: Sequence[Message]) -> list[Message]:
    """Without what instructs."""
    return [message for message in messages if message.get("role") not in INSTRUCTING]


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
