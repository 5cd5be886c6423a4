"""One line as the checks see it: what could be read of it, whatever its shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from finetuning.messages import text_of

from .reading import Line

ASKING = frozenset({"user", "tool", "function"})


@dataclass(frozen=True, slots=True)
class Turn:
    """Text of a message, where it stands, and whose it is."""

    role: str
    text: str
    path: str


@dataclass(slots=True)
class Example:
    """``record`` is None when the line is no JSON object; then ``error`` says why. ``turns``: every text of the
    conversation; of a pair also the answers. ``answer``: the text that is learned last, None without one; ``rejected``:
    a pair's other answer. ``tokens``: filled by the inspection."""

    number: int
    offset: int
    record: dict[str, Any] | None
    error: str = ""
    had_bom: bool = False
    is_blank: bool = False
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    answer: Turn | None = None
    rejected: Turn | None = None
    tokens: int = 0

    @property
    def is_pair(self) -> bool:
        return self.record is not None and ("preferred_output" in self.record or "non_preferred_output" in self.record)

    @property
    def system(self) -> str:
        return "\n".join(turn.text for turn in self.turns if turn.role in ("system", "developer"))

    @property
    def prompt(self) -> str:
        """Everything before the answer but instructions: the questions, results of tools, earlier answers."""
        last = self.answer
        return "\n".join(
            turn.text for turn in self.turns
            if turn is not last and turn is not self.rejected and turn.role not in ("system", "developer")
        )  # fmt: skip

    @property
    def is_comparable(self) -> bool:
        return self.answer is not None and bool(self.prompt.strip()) and bool(self.answer.text.strip())


def read(line: Line) -> Example:
    """Decode a line; never raises."""
    record, error = _decoded(line)
    example = Example(line.number, line.offset, record, error, line.had_bom, not line.raw.strip())
    if record is not None:
        _fill(example, record)
    return example


def _decoded(line: Line) -> tuple[dict[str, Any] | None, str]:
    if not line.is_whole:
        return None, "The line is longer than 16 MB"
    try:
        record = orjson.loads(line.raw)
    except orjson.JSONDecodeError as error:
        return None, _reason(line.raw, error)
    if not isinstance(record, dict):
        return None, f"The line is {_json_type(record)}, not an object"
    return record, ""


def _reason(raw: bytes, error: orjson.JSONDecodeError) -> str:
    if not raw.strip():
        return "The line is empty"
    where = f"column {error.colno}" if error.colno else "the end"
    return f"{error.msg[:1].upper()}{error.msg[1:].split(': line')[0]}, at {where}"


def _json_type(value: object) -> str:
    return {list: "an array", str: "a string", bool: "true or false", type(None): "null"}.get(type(value), "a number")


def _fill(example: Example, record: dict[str, Any]) -> None:
    if example.is_pair:
        asked = record.get("input")
        _add(example, asked.get("messages") if isinstance(asked, dict) else None, "input.messages")
        example.answer = _output(example, record, "preferred_output")
        example.rejected = _output(example, record, "non_preferred_output")
        return
    _add(example, record.get("messages"), "messages")
    if example.messages and example.messages[-1].get("role") == "assistant":
        example.answer = next((turn for turn in reversed(example.turns) if turn.role == "assistant"), None)


def _add(example: Example, messages: object, path: str) -> None:
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        if not isinstance(message, dict):
            continue
        example.messages.append(message)
        text = text_of(message.get("content"))
        if text is not None:
            example.turns.append(Turn(str(message.get("role")), text, f"{path}[{place}].content"))


def _output(example: Example, record: dict[str, Any], name: str) -> Turn | None:
    messages = record.get(name)
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        text = text_of(message.get("content")) if isinstance(message, dict) else None
        if text is not None:
            turn = Turn("assistant", text, f"{name}[{place}].content")
            example.turns.append(turn)
            return turn
    return None
