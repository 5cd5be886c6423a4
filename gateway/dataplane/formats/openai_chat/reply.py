"""Chat Completions answers ⇄ `Reply`."""

from collections.abc import Mapping
from typing import Any

from gateway.dataplane.formats.base import InvalidReply
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
from gateway.dataplane.formats.openai_chat.reasoning import VENDORS, write_thinking
from gateway.dataplane.formats.openai_chat.writing import TIERS as TIER_WORDS

STOPS: dict[str, Stop] = {
    "stop": "end", "length": "length", "tool_calls": "tool_use", "function_call": "tool_use",
    "content_filter": "content_filter",
}  # fmt: skip
WORDS: dict[Stop, str] = {
    "end": "stop", "length": "length", "stop_sequence": "stop", "tool_use": "tool_calls",
    "content_filter": "content_filter", "refusal": "content_filter", "pause": "stop", "context_window": "length",
    "other": "stop",
}  # fmt: skip


def read_reply(body: Mapping[str, Any]) -> Reply:
    """Raises `InvalidReply`."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise InvalidReply("choices")
    reply = Reply(id=_text(body.get("id")), model=_text(body.get("model")))
    created = body.get("created")
    reply.created = created if isinstance(created, int) else 0
    reply.choices = [_read_choice(choice) for choice in choices]
    reply.usage = read_usage(body.get("usage"))
    reply.service_tier = read_tier(body.get("service_tier"))
    return reply


def read_tier(value: object) -> str | None:
    """The vendor's own word: prices and the ledger go by it."""
    return value if isinstance(value, str) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _read_choice(choice: object) -> Choice:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise InvalidReply("choices[].message")
    word = _text(choice.get("finish_reason"))
    logprobs = choice.get("logprobs")
    return Choice(
        _read_parts(message),
        STOPS.get(word, "other") if word else None,
        word,
        logprobs=logprobs if isinstance(logprobs, dict) else None,
    )


def _read_parts(message: Json) -> list[Part]:
    parts: list[Part] = read_thoughts(message)
    content = message.get("content")
    if isinstance(content, str) and content:
        parts.append(Text(content))
    elif isinstance(content, list):
        parts += [
            Text(item["text"]) for item in content if isinstance(item, dict) and isinstance(item.get("text"), str)
        ]
    if isinstance(message.get("refusal"), str):
        parts.append(Refusal(message["refusal"]))
    for call in message.get("tool_calls") or []:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise InvalidReply("choices[].message.tool_calls")
        parts.append(ToolUse(_text(call.get("id")), function["name"], _text(function.get("arguments"))))
    return parts


def read_thoughts(message: Json) -> list[Part]:
    """Reasoning of a reply, or of a stream's delta: the details win over the bare text."""
    found: list[Part] = []
    details = message.get("reasoning_details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict):
            text = _text(detail.get("text")) or _text(detail.get("summary"))
            vendor = VENDORS.get(_text(detail.get("format")), "")
            signature, data = _text(detail.get("signature")), _text(detail.get("data"))
            found.append(Thinking(text, signature, data, vendor, _text(detail.get("id"))))
    if not found and (text := _text(message.get("reasoning_content")) or _text(message.get("reasoning"))):
        found.append(Thinking(text))
    return found


def read_usage(usage: object) -> Usage | None:
    """None without one, and for a report that is nothing but zeros."""
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    out = usage.get("completion_tokens_details")
    details, out = (item if isinstance(item, dict) else {} for item in (details, out))
    found = Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
    found.cache_read = min(_count(details.get("cached_tokens")), found.input)
    found.cache_write_5m, found.cache_write_1h = read_cache_writes(details, found.input - found.cache_read)
    found.audio_input = _count(details.get("audio_tokens"))
    found.reasoning = _count(out.get("reasoning_tokens"))
    found.audio_output = _count(out.get("audio_tokens"))
    return found if found else None


def read_cache_writes(details: Mapping[str, Any], most: int) -> tuple[int, int]:
    """Tokens written for 30 minutes and for 12 hours: the shorter and the longer lifetime of the neutral form."""
    written = min(_count(details.get("cache_write_tokens")), most)
    lives = details.get("cache_write_tokens_details")
    long = min(_count(lives.get("ttl_12h_tokens")), written) if isinstance(lives, dict) else 0
    return written - long, long


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


# ---- writing ---------------------------------------------------------------------------------------------------------
def write_reply(reply: Reply, prompt: Prompt) -> Json:
    body: Json = {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [_write_choice(choice, index) for index, choice in enumerate(reply.choices)],
    }
    if reply.usage is not None:
        body["usage"] = write_usage(reply.usage)
    if reply.service_tier is not None:
        body["service_tier"] = TIER_WORDS.get(reply.service_tier, reply.service_tier)
    return body


def _write_choice(choice: Choice, index: int) -> Json:
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    refusals = [part.text for part in choice.parts if isinstance(part, Refusal)]
    message: Json = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
        **write_thinking(choice.parts),
    }
    calls = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments or "{}"}}
        for part in choice.parts
        if isinstance(part, ToolUse)
    ]
    if calls:
        message["tool_calls"] = calls
    return {
        "index": index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": WORDS[choice.stop or "end"],
    }


def write_usage(usage: Usage) -> Json:
    details = {"cached_tokens": usage.cache_read, "audio_tokens": usage.audio_input}
    if written := usage.cache_write_5m + usage.cache_write_1h:
        details["cache_write_tokens"] = written
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_output},
    }
