"""Messages answers ⇄ `Reply`."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dataplane.formats import checks
from gateway.dataplane.formats.anthropic.request import HOME
from gateway.dataplane.formats.anthropic.writing import JSON_TOOL, clean_id
from gateway.dataplane.formats.base import InvalidReply, Malformed
from gateway.dataplane.formats.ir import (
    Choice,
    Json,
    Part,
    Prompt,
    Refusal,
    Reply,
    Stop,
    Text,
    Thinking,
    ToolUse,
    Usage,
)
from gateway.dataplane.formats.seals import seal

STOPS: dict[str, Stop] = {
    "end_turn": "end", "max_tokens": "length", "stop_sequence": "stop_sequence", "tool_use": "tool_use",
    "pause_turn": "pause", "refusal": "refusal", "model_context_window_exceeded": "context_window",
}  # fmt: skip
WORDS: dict[Stop, str] = {stop: word for word, stop in STOPS.items()} | {
    "content_filter": "refusal",
    "other": "end_turn",
}
TIERS = {"standard": "standard", "default": "standard", "priority": "priority", "batch": "batch"}


def read_reply(body: Mapping[str, Any]) -> Reply:
    """Raises `InvalidReply`."""
    content = body.get("content")
    if not isinstance(content, list):
        raise InvalidReply("content")
    word = body.get("stop_reason")
    sequence = body.get("stop_sequence")
    choice = Choice(
        [part for block in content if (part := _read_block(block)) is not None],
        STOPS.get(word, "other") if isinstance(word, str) else None,
        word if isinstance(word, str) else "",
        sequence if isinstance(sequence, str) else "",
    )
    if choice.stop == "tool_use" and not any(isinstance(part, ToolUse) for part in choice.parts):
        choice.stop = "end"  # the only tool was the one that carries JSON
    reply = Reply(id=_text(body.get("id")), model=_text(body.get("model")), choices=[choice])
    usage = body.get("usage")
    if isinstance(usage, dict):
        reply.usage = read_usage(usage)
        tier = usage.get("service_tier")
        reply.service_tier = tier if isinstance(tier, str) else None
    return reply


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _read_block(block: object) -> Part | None:
    """None for blocks of hosted tools, which no other format has."""
    if not isinstance(block, dict):
        raise InvalidReply("content[]")
    kind = block.get("type")
    if kind == "text":
        return Text(_text(block.get("text")))
    if kind == "tool_use":
        given = orjson.dumps(block.get("input") or {}).decode()
        name = _text(block.get("name"))
        return Text(given) if name == JSON_TOOL else ToolUse(_text(block.get("id")), name, given)
    if kind == "thinking":
        return Thinking(_text(block.get("thinking")), _text(block.get("signature")), vendor=HOME)
    if kind == "redacted_thinking":
        return Thinking(redacted=_text(block.get("data")), vendor=HOME)
    return None


def read_usage(usage: Mapping[str, Any]) -> Usage | None:
    """Anthropic counts cached input apart; None when all is zero."""
    read, written = _count(usage.get("cache_read_input_tokens")), _count(usage.get("cache_creation_input_tokens"))
    lives = usage.get("cache_creation")
    hour = min(_count(lives.get("ephemeral_1h_input_tokens")), written) if isinstance(lives, dict) else 0
    details = usage.get("output_tokens_details")
    found = Usage(_count(usage.get("input_tokens")) + read + written, _count(usage.get("output_tokens")))
    found.cache_read, found.cache_write_5m, found.cache_write_1h = read, written - hour, hour
    if isinstance(details, dict):
        found.reasoning = min(_count(details.get("thinking_tokens")), found.output)
    return found if found else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


# ---- writing ---------------------------------------------------------------------------------------------------------
def write_reply(reply: Reply, prompt: Prompt) -> Json:
    choice = reply.choices[0] if reply.choices else Choice()
    return {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [_write_part(part) for part in choice.parts],
        "stop_reason": word_of(choice.stop or "end", has_sequence=bool(choice.sequence)),
        "stop_sequence": choice.sequence or None,
        "usage": write_usage(reply.usage or Usage(), reply.service_tier),
    }


def word_of(stop: Stop, *, has_sequence: bool) -> str:
    """`stop_sequence` needs the sequence, which only some vendors tell."""
    return "end_turn" if stop == "stop_sequence" and not has_sequence else WORDS[stop]


def _write_part(part: Part) -> Json:
    match part:
        case Text() | Refusal():
            return {"type": "text", "text": part.text, "citations": None}
        case ToolUse():
            return {"type": "tool_use", "id": clean_id(part.id), "name": part.name, "input": _input(part.arguments)}
        case Thinking() if part.redacted:
            return {"type": "redacted_thinking", "data": seal(part.redacted, part.vendor, HOME)}
        case Thinking():
            return {"type": "thinking", "thinking": part.text, "signature": seal(part.signature, part.vendor, HOME)}
    raise InvalidReply(type(part).__name__)


def _input(arguments: str) -> object:
    """A model may write arguments that are no JSON object; the client must still get one."""
    try:
        return checks.arguments(arguments, "arguments")
    except Malformed:
        return {"arguments": arguments}


def write_usage(usage: Usage, tier: str | None) -> Json:
    written = usage.cache_write_5m + usage.cache_write_1h
    found: Json = {
        "input_tokens": max(0, usage.input - usage.cache_read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        found["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if tier in TIERS:
        found["service_tier"] = TIERS[tier]
    return found
