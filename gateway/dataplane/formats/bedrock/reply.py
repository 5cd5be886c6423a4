"""Converse answers → `Reply`."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dataplane.formats.base import InvalidReply
from gateway.dataplane.formats.ir import Choice, Json, Part, Reply, Stop, Text, Thinking, ToolUse, Usage

# Signed reasoning comes from Anthropic's models alone, and is good on every platform that has them (Anthropic API
# documentation, "Extended thinking", section "Thinking encryption").
SIGNER = "anthropic"
STOPS: dict[str, Stop] = {
    "end_turn": "end", "tool_use": "tool_use", "max_tokens": "length", "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
    "model_context_window_exceeded": "context_window",
}  # fmt: skip
TIERS = {"default": "standard"}


def read_reply(body: Mapping[str, Any]) -> Reply:
    """Raises `InvalidReply`. The answer names neither itself nor its model."""
    output = body.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        raise InvalidReply("output.message.content")
    parts = [part for block in content if (part := _read_block(block)) is not None]
    word = body.get("stopReason")
    word = word if isinstance(word, str) else ""
    choice = Choice(parts, STOPS.get(word, "other") if word else None, word)
    return Reply(choices=[choice], usage=read_usage(body.get("usage")), service_tier=read_tier(body))


def read_tier(body: Mapping[str, Any]) -> str | None:
    tier = body.get("serviceTier")
    kind = tier.get("type") if isinstance(tier, dict) else None
    return TIERS.get(kind, kind) if isinstance(kind, str) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _read_block(block: object) -> Part | None:
    """None for blocks of hosted tools and files, which no other format has."""
    if not isinstance(block, dict):
        raise InvalidReply("output.message.content[]")
    if isinstance(block.get("text"), str):
        return Text(block["text"])
    call = block.get("toolUse")
    if isinstance(call, dict) and not call.get("type"):
        given = orjson.dumps(call.get("input") or {}).decode()
        return ToolUse(_text(call.get("toolUseId")), _text(call.get("name")), given)
    cited = block.get("citationsContent")
    if isinstance(cited, dict):
        pieces = cited.get("content")
        return Text("".join(_text(piece.get("text")) for piece in pieces if isinstance(piece, dict))
                    if isinstance(pieces, list) else "")  # fmt: skip
    reasoning = block.get("reasoningContent")
    return _read_reasoning(reasoning) if isinstance(reasoning, dict) else None


def _read_reasoning(reasoning: Json) -> Thinking:
    if isinstance(reasoning.get("redactedContent"), str):
        return Thinking(redacted=reasoning["redactedContent"], vendor=SIGNER)
    said = reasoning.get("reasoningText")
    said = said if isinstance(said, dict) else {}
    signature = _text(said.get("signature"))
    return Thinking(_text(said.get("text")), signature, vendor=SIGNER if signature else "")


def read_usage(usage: object) -> Usage | None:
    """Cached input is counted apart, as with Anthropic; None when all is zero."""
    if not isinstance(usage, dict):
        return None
    read, written = _count(usage.get("cacheReadInputTokens")), _count(usage.get("cacheWriteInputTokens"))
    details = usage.get("cacheDetails")
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    hour = min(sum(_count(row.get("inputTokens")) for row in rows if row.get("ttl") == "1h"), written)
    found = Usage(_count(usage.get("inputTokens")) + read + written, _count(usage.get("outputTokens")))
    found.cache_read, found.cache_write_5m, found.cache_write_1h = read, written - hour, hour
    return found if found else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0
