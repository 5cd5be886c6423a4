"""Who speaks, and in which order."""

from collections.abc import Mapping
from typing import Any

from finetuning.messages import INSTRUCTING

from ..examples import Example
from .base import Check
from .keys import messages_of

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


class Roles(Check):
    def look(self, example: Example) -> None:
        for path, message in messages_of(example):
            if message.get("role") not in ROLES:
                role = message.get("role")
                told = f"`{str(role)[:40]}` is no role" if "role" in message else "A message has no `role`"
                self.found("unknown_role", example, f"{told}.", path=f"{path}.role")
                return
        if example.messages and (disorder := self._disorder(example)):
            place, text = disorder
            stem = "input.messages" if example.is_pair else "messages"
            self.found("role_order", example, text, path=f"{stem}[{place}]")
        elif example.messages and not any(message["role"] in ("user", "tool") for message in example.messages):
            self.found("no_user", example, "There is no user message.")

    def _disorder(self, example: Example) -> tuple[int, str] | None:
        messages = example.messages
        roles = [str(message["role"]) for message in messages]
        spoken = next((place for place, role in enumerate(roles) if role not in INSTRUCTING), len(roles))
        late = next((place for place in range(spoken, len(roles)) if roles[place] in INSTRUCTING), None)
        if late is not None:
            return late, f"`{roles[late]}` comes after the conversation has begun."
        if self._must_answer(example) and "assistant" in roles and roles[-1] != "assistant":
            return len(roles) - 1, f"The last message is of `{roles[-1]}`, so that answer is missing or out of place."
        return _repeated(messages, roles)

    def _must_answer(self, example: Example) -> bool:
        return not example.is_pair and self.context.profile.method == "chat"


def _repeated(messages: list[Mapping[str, Any]], roles: list[str]) -> tuple[int, str] | None:
    """Two answers in a row: the first is of a turn that was lost. Several questions in a row are allowed."""
    for place in range(1, len(roles)):
        before = messages[place - 1]
        if roles[place] == roles[place - 1] == "assistant" and not (
            "tool_calls" in before or "function_call" in before
        ):
            return place, "Two answers follow each other."
    return None
