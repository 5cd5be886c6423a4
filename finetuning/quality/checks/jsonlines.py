"""Every line is one JSON object with messages."""

from ..examples import Example
from .base import Check


class JsonLines(Check):
    def look(self, example: Example) -> None:
        if example.record is None:
            self.found("invalid_json", example, f"{example.error}.")
            return
        if example.had_bom:
            self.found("encoding_noise", example, "The file begins with a byte order mark.")
        if not example.is_pair:
            self._messages(example, example.record)

    def _messages(self, example: Example, record: dict[str, object]) -> None:
        messages = record.get("messages")
        if "messages" not in record:
            shape = _other_shape(record)
            self.found("missing_messages", example, f"The line has no `messages`{shape}.")
        elif not isinstance(messages, list) or not messages:
            self.found("missing_messages", example, "`messages` must be a list with messages in it.", path="messages")
        elif (
            odd := next((i for i, message in enumerate(messages) if not isinstance(message, dict)), None)
        ) is not None:
            self.found("missing_messages", example, "A message must be an object.", path=f"messages[{odd}]")


def _other_shape(record: dict[str, object]) -> str:
    """What the line looks like instead."""
    if "prompt" in record and "completion" in record:
        return ": it is in the old format `prompt`, `completion`"
    if "conversations" in record:
        return ": it is in the ShareGPT format `conversations`"
    if "instruction" in record and "output" in record:
        return ": it is in the Alpaca format `instruction`, `output`"
    keys = ", ".join(f"`{key[:40]}`" for key in list(record)[:4])
    return f" but {keys}" if keys else ""
