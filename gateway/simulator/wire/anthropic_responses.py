"""`calls` → Anthropic answers: messages, events, models.

Source: https://platform.claude.com/docs/en/api/messages, …/build-with-claude/streaming, …/build-with-claude/
prompt-caching#tracking-cache-performance and …/build-with-claude/extended-thinking.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from gateway.simulator.calls import Answer, ChatCall, Choice, Frame, ToolCall, Usage
from gateway.simulator.catalog import SimModel

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_PING = Frame(b'{"type":"ping"}', event=b"ping")


def usage_object(usage: Usage) -> dict[str, Any]:
    """`usage` of a message: `input_tokens` leaves out what was read from or written to the cache."""
    return {
        "input_tokens": usage.prompt - usage.cached - usage.written_5m - usage.written_1h,
        "cache_creation_input_tokens": usage.written_5m + usage.written_1h,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.written_5m,
            "ephemeral_1h_input_tokens": usage.written_1h,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    }


def model_object(model: SimModel) -> dict[str, Any]:
    """One entry of `GET /v1/models`."""
    created = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    display = model.name.replace("-", " ").title()
    return {"type": "model", "id": model.name, "display_name": display, "created_at": created}


def message_object(call: ChatCall, answer: Answer, *, report_usage: bool = True) -> dict[str, Any]:
    """A whole message."""
    choice = answer.choices[0]
    message = _opened(call, answer)
    message["content"] = [block for block, _ in _blocks(answer, choice)]
    message["stop_reason"] = _stop_reason(choice)
    message["stop_sequence"] = choice.stopped_by
    message["stop_details"] = _stop_details(choice)
    if report_usage:
        message["usage"] = usage_object(answer.usage)
    return message


def _opened(call: ChatCall, answer: Answer) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.id_token}",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop_reason(choice: Choice) -> str:
    """A forced tool ends in `tool_use` too, unlike with OpenAI."""
    if choice.stopped_by is not None:
        return "stop_sequence"
    if choice.tool_calls and choice.finish_reason == "stop":
        return "tool_use"
    return _STOP_REASONS[choice.finish_reason]


def _stop_details(choice: Choice) -> dict[str, Any] | None:
    if choice.finish_reason != "content_filter":
        return None
    return {"type": "refusal", "category": None, "explanation": None}


def _blocks(answer: Answer, choice: Choice) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """Finished content blocks, each with the tokens it streams."""
    blocks: list[tuple[dict[str, Any], tuple[str, ...]]] = []
    if choice.reasoning:
        text = "".join(choice.reasoning)
        blocks.append(({"type": "thinking", "thinking": text, "signature": _signature(text)}, choice.reasoning))
    if choice.tokens:
        blocks.append(({"type": "text", "text": "".join(choice.tokens)}, choice.tokens))
    blocks += [(_tool_block(made), made.arguments) for made in choice.tool_calls]
    return blocks


def _tool_block(made: ToolCall) -> dict[str, Any]:
    """A call cut by `max_tokens` has no valid JSON; its input is then empty, as in the vendor's whole answers."""
    try:
        arguments = orjson.loads("".join(made.arguments))
    except orjson.JSONDecodeError:
        arguments = {}
    return {"type": "tool_use", "id": f"toolu_{made.id.removeprefix('call_')}", "name": made.name, "input": arguments}


def _signature(text: str) -> str:
    """Opaque to callers, who send it back unchanged."""
    return base64.b64encode(sha256(text.encode()).digest()).decode()


def _event(kind: str, fields: dict[str, Any], *, tokens: int = 0, last: bool = False) -> Frame:
    data = orjson.dumps({"type": kind, **fields})
    return Frame(data, tokens, timed=tokens > 0, event=kind.encode(), is_last=last)


def error_event(kind: str, message: str) -> Frame:
    """The event that ends a broken stream."""
    data = {"type": "error", "error": {"type": kind, "message": message}}
    return Frame(orjson.dumps(data), event=b"error", is_error=True)


def message_frames(call: ChatCall, answer: Answer, *, report_usage: bool = True) -> Iterator[Frame]:
    """The events of a streamed message; the input's usage comes first, the output's (cumulative) at the end."""
    choice = answer.choices[0]
    opened = _opened(call, answer)
    if report_usage:
        opened["usage"] = {**usage_object(answer.usage), "output_tokens": 1}
        del opened["usage"]["output_tokens_details"]
    yield _event("message_start", {"message": opened})
    for index, (block, tokens) in enumerate(_blocks(answer, choice)):
        yield from _block_frames(block, tokens, index)
    delta = {"stop_reason": _stop_reason(choice), "stop_sequence": choice.stopped_by}
    final: dict[str, Any] = {"delta": delta | {"stop_details": _stop_details(choice)}}
    if report_usage:
        whole = usage_object(answer.usage)
        final["usage"] = {
            name: value for name, value in whole.items() if name not in ("cache_creation", "service_tier")
        }
    yield _event("message_delta", final)
    yield _event("message_stop", {}, last=True)


def _block_frames(block: dict[str, Any], tokens: tuple[str, ...], index: int) -> Iterator[Frame]:
    """Start, deltas and stop of one block; a ping follows the first start, as the vendor's examples show."""
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    kind = block["type"]
    yield _event("content_block_start", {"index": index, "content_block": {**block, **empty[kind]}})
    if index == 0:
        yield _PING
    if kind == "tool_use":
        yield _event("content_block_delta", {"index": index, "delta": {"type": "input_json_delta", "partial_json": ""}})
    name, field = {
        "text": ("text_delta", "text"),
        "thinking": ("thinking_delta", "thinking"),
        "tool_use": ("input_json_delta", "partial_json"),
    }[kind]
    for token in tokens:
        delta = {"type": name, field: token}
        cost = 0 if kind == "thinking" else 1
        yield _event("content_block_delta", {"index": index, "delta": delta}, tokens=cost)
    if kind == "thinking":
        delta = {"type": "signature_delta", "signature": block["signature"]}
        yield _event("content_block_delta", {"index": index, "delta": delta})
    yield _event("content_block_stop", {"index": index})
