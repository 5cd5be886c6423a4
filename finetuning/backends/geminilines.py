"""Training lines of OpenAI's chat format in Vertex AI's: other roles, parts instead of content. Pure.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare and
…/gemini-preference-tuning-prepare (`systemInstruction`, `contents` with the roles user and model, `completions`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

ROLES = {"user": "user", "assistant": "model", "tool": "user", "function": "user"}


class NotExpressible(ValueError):
    """A line has something that this format has not; the message names the line."""


def converted(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Line for line; blank ones are left out. Raises `NotExpressible`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            found = _preference(record) if "preferred_output" in record else _chat(record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotExpressible(f"Line {number} cannot be written in Vertex AI's format: {error}") from error
        yield json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _chat(record: Mapping[str, Any]) -> dict[str, Any]:
    messages = record["messages"]
    found: dict[str, Any] = {}
    if system := [message for message in messages if message["role"] in ("system", "developer")]:
        found["systemInstruction"] = {"role": "system", "parts": [part for one in system for part in _parts(one)]}
    found["contents"] = [_content(one) for one in messages if one["role"] not in ("system", "developer")]
    if tools := record.get("tools"):
        found["tools"] = [{"functionDeclarations": [_declaration(tool["function"]) for tool in tools]}]
    return found


def _preference(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_chat(record["input"]),
        "completions": [
            {"score": 1.0, "completion": _content(record["preferred_output"][-1])},
            {"score": 0.0, "completion": _content(record["non_preferred_output"][-1])},
        ],
    }


def _content(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"role": ROLES[message["role"]], "parts": _parts(message)}


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    if message["role"] in ("tool", "function"):
        name = str(message.get("name") or message.get("tool_call_id") or "")
        return [{"functionResponse": {"name": name, "response": {"result": message.get("content")}}}]
    content = message.get("content")
    texts = [content] if isinstance(content, str) else _texts(content or ())
    parts: list[dict[str, Any]] = [{"text": text} for text in texts if text]
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = json.loads(function.get("arguments") or "{}")
        parts.append({"functionCall": {"name": function["name"], "args": arguments}})
    if not parts:
        raise ValueError("a message is empty")
    return parts


def _texts(content: Sequence[Mapping[str, Any]]) -> list[str]:
    if any(part.get("type") != "text" for part in content):
        raise ValueError("a message has parts that are no text")
    return [str(part["text"]) for part in content]


def _declaration(function: Mapping[str, Any]) -> dict[str, Any]:
    return {name: function[name] for name in ("name", "description", "parameters") if name in function}
