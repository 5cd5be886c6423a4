"""Keys that OpenAI's formats have: https://platform.openai.com/docs/api-reference/fine-tuning/chat-input."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..examples import Example
from .base import Check

MESSAGE = frozenset({"role", "content", "name", "weight"})
BY_ROLE = {
    "assistant": MESSAGE | {"tool_calls", "function_call", "refusal", "audio"},
    "tool": MESSAGE | {"tool_call_id"},
}
CHAT = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})
PAIR = frozenset({"input", "preferred_output", "non_preferred_output"})


class Keys(Check):
    def look(self, example: Example) -> None:
        if example.record is None:
            return
        for path, key in unknown_keys(example):
            where = f"`{path}`" if path else "The line"
            self.found("unknown_key", example, f"{where} has `{key[:60]}`, which the format does not know.", path=path)
            return
        self._top(example, example.record)

    def _top(self, example: Example, record: dict[str, Any]) -> None:
        """Other keys of the line are of the grader's in reinforcement; else vendors ignore or refuse them."""
        if self.context.profile.method == "reinforcement" or not ("messages" in record or example.is_pair):
            return
        if extra := next((key for key in record if key not in (PAIR if example.is_pair else CHAT)), None):
            self.found("unknown_key", example, f"The line has `{extra[:60]}`, which the format does not know.",
                       severity="warning")  # fmt: skip


def unknown_keys(example: Example) -> Iterator[tuple[str, str]]:
    """(path of the message, key) for every key of a message that its role does not have."""
    for path, message in messages_of(example):
        known = keys_of(message)
        for key in message:
            if key not in known:
                yield path, key


def keys_of(message: Mapping[str, Any]) -> frozenset[str]:
    """Keys that a message of its role may have."""
    return BY_ROLE.get(str(message.get("role")), MESSAGE)


def messages_of(example: Example) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every message that is an object, of the answers of a pair too, with its path."""
    record = example.record or {}
    if example.is_pair:
        asked = record.get("input")
        lists = [("input.messages", asked.get("messages") if isinstance(asked, dict) else None)]
        lists += [(name, record.get(name)) for name in ("preferred_output", "non_preferred_output")]
    else:
        lists = [("messages", record.get("messages"))]
    for name, messages in lists:
        for place, message in enumerate(messages if isinstance(messages, list) else ()):
            if isinstance(message, dict):
                yield f"{name}[{place}]", message
