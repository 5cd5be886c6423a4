"""Preference pairs and reinforcement rows have their parts."""

from ..examples import Example
from ..text import normalized
from .base import Check


class Pairs(Check):
    """https://platform.openai.com/docs/guides/direct-preference-optimization: one question, two different answers."""

    def __init__(self, context: object) -> None:
        super().__init__(context)  # type: ignore[arg-type]
        self.longer = self.pairs = 0

    def look(self, example: Example) -> None:
        method, record = self.context.profile.method, example.record
        if record is None:
            return
        if not example.is_pair:
            if method == "preference" and "messages" in record:
                self.found("bad_preference", example, "The line is no pair, but most lines are.")
            elif method == "reinforcement" and example.messages:
                self._reference(example, record)
            return
        asked = record.get("input")
        if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list) or not asked["messages"]:
            self.found("bad_preference", example, "`input.messages` must be a list with messages in it.", path="input")
        elif example.answer is None or example.rejected is None:
            name = "preferred_output" if example.answer is None else "non_preferred_output"
            self.found("bad_preference", example, f"`{name}` must be a list with one assistant message.", path=name)
        else:
            self._compare(example, example.answer.text, example.rejected.text)

    def _compare(self, example: Example, preferred: str, other: str) -> None:
        self.pairs += 1
        self.longer += len(preferred) > len(other)
        if normalized(preferred) == normalized(other):
            self.found("same_preference", example, "Both answers say the same.", path="non_preferred_output")

    def _reference(self, example: Example, record: dict[str, object]) -> None:
        extra = set(record) - {"messages", "tools", "functions", "parallel_tool_calls"}
        common = {key for key, number in self.context.profile.extra_keys.items()
                  if number >= self.context.profile.readable * 0.9}  # fmt: skip
        if missing := sorted(common - {"messages", "tools"} - extra):
            self.found("bad_reference", example, f"`{missing[0]}` is missing, which most lines have.", path=missing[0])
        elif example.messages[-1].get("role") != "user":
            self.found("role_order", example, "The last message must be the user's: the answer is sampled.")
