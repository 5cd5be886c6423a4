"""Records of training files in the form that each framework documents."""

from collections.abc import Mapping, Sequence
from typing import Any

from finetuning.messages import answered

Record = Mapping[str, Any]
ONLY_HERE = frozenset({"weight"})
"""Fields of messages that no framework reads."""


def prompt_and_completion(record: Record) -> dict[str, Any]:
    """TRL's conversational prompt-completion format: the loss is of the last answer alone. Raises ValueError."""
    before, last = answered(record)
    return {"prompt": _turns(before), "completion": _turns([last]), **_tools(record)}


def messages(record: Record) -> dict[str, Any]:
    """OpenAI's messages, as Axolotl, LLaMA-Factory and Unsloth read them. Raises ValueError."""
    before, last = answered(record)
    return {"messages": _turns([*before, last]), **_tools(record)}


def plain_messages(record: Record) -> dict[str, Any]:
    """The same without tools, whose calls LLaMA-Factory writes in a way of its own. Raises ValueError."""
    found = messages(record)
    if "tools" in found or any(turn.get("tool_calls") or turn.get("role") == "tool" for turn in found["messages"]):
        raise ValueError("The record has tools, which LLaMA-Factory reads in another form; choose another framework.")
    return found


def pair(record: Record) -> dict[str, Any]:
    """TRL's conversational preference format, from OpenAI's preference lines. Raises ValueError."""
    asked, chosen, rejected = _pair(record)
    return {"prompt": asked, "chosen": [chosen], "rejected": [rejected]}


def messages_pair(record: Record) -> dict[str, Any]:
    """The same with one message each, as Axolotl and LLaMA-Factory read pairs. Raises ValueError."""
    asked, chosen, rejected = _pair(record)
    return {"messages": asked, "chosen": chosen, "rejected": rejected}


def _pair(record: Record) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    asked = record.get("input")
    asked = asked.get("messages") if isinstance(asked, Mapping) else None
    chosen, rejected = (_only(record.get(name)) for name in ("preferred_output", "non_preferred_output"))
    if not isinstance(asked, list) or chosen is None or rejected is None:
        raise ValueError("A pair has input.messages and one message each in preferred_output and non_preferred_output.")
    return _turns(asked), _turns([chosen])[0], _turns([rejected])[0]


def _only(messages: object) -> Any:
    return messages[0] if isinstance(messages, list) and len(messages) == 1 else None


def _turns(turns: Sequence[Any]) -> list[dict[str, Any]]:
    if not all(isinstance(turn, Mapping) for turn in turns):
        raise ValueError("A message is not an object.")
    return [{name: value for name, value in turn.items() if name not in ONLY_HERE} for turn in turns]


def _tools(record: Record) -> dict[str, Any]:
    return {"tools": record["tools"]} if record.get("tools") else {}
