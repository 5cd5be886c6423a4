"""There is an answer, and every message says something."""

from collections.abc import Mapping
from typing import Any

from finetuning.messages import text_of

from ..examples import Example
from .base import Check
from .keys import messages_of
from .roles import ROLES

INSTEAD = ("tool_calls", "function_call", "refusal", "audio")
"""What an assistant's message may have in place of content."""
NO_TEXT = ("image_url", "input_audio", "file")


class Answers(Check):
    def look(self, example: Example) -> None:
        if example.messages and self._lacks_answer(example):
            self.found("no_assistant", example, "No message is of `assistant`: there is nothing to learn.")
        for path, message in messages_of(example):
            if _says_nothing(message):
                self._empty(example, path, message)
                return

    def _lacks_answer(self, example: Example) -> bool:
        if example.is_pair or self.context.profile.method == "reinforcement":
            return False
        return all(message.get("role") in ROLES and message["role"] != "assistant" for message in example.messages)

    def _empty(self, example: Example, path: str, message: Mapping[str, Any]) -> None:
        if message.get("role") == "assistant":
            told = "The answer is empty." if "content" in message else "The answer has no `content`."
            self.found("empty_assistant", example, told, path=f"{path}.content")
        else:
            told = "is empty" if isinstance(message.get("content"), str) else "is missing or no text"
            self.found("missing_content", example, f"The `content` {told}.", path=f"{path}.content")


def _says_nothing(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    if message.get("role") == "assistant" and any(message.get(key) for key in INSTEAD):
        return content is not None and text_of(content) is None
    if message.get("role") in ("tool", "function"):
        return not isinstance(content, str | list)
    text = text_of(content)
    if text is None and isinstance(content, list):
        return not any(isinstance(part, dict) and part.get("type") in NO_TEXT for part in content)
    return text is None or not text.strip()
