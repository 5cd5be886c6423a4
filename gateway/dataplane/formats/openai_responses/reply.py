"""Responses answers ⇄ `Reply`."""

from collections.abc import Mapping
from typing import Any

from gateway.dataplane.formats.base import InvalidReply
from gateway.dataplane.formats.ir import (
    Choice,
    Json,
    OutputFormat,
    Part,
    Prompt,
    Refusal,
    Reply,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolUse,
    Usage,
)
from gateway.dataplane.formats.openai_chat.reply import read_cache_writes, read_tier
from gateway.dataplane.formats.openai_chat.writing import TIERS
from gateway.dataplane.formats.openai_responses.request import HOME
from gateway.dataplane.formats.openai_responses.writing import write_choice, write_format
from gateway.dataplane.formats.seals import seal_thinking, unseal_thinking

STOPS: dict[str, Stop] = {"max_output_tokens": "length", "content_filter": "content_filter"}
# Stops for which a response is incomplete, with the reason it gives.
REASONS: dict[Stop, str] = {
    "length": "max_output_tokens", "context_window": "max_output_tokens", "content_filter": "content_filter",
    "refusal": "content_filter",
}  # fmt: skip


def read_reply(body: Mapping[str, Any]) -> Reply:
    """Raises `InvalidReply`, also for a response whose status is "failed"."""
    output = body.get("output")
    if not isinstance(output, list):
        raise InvalidReply("output")
    if body.get("status") == "failed":
        raise InvalidReply("status: failed")
    parts = [part for item in output if isinstance(item, dict) for part in read_item(item)]
    reply = Reply(id=_text(body.get("id")), model=_text(body.get("model")))
    created = body.get("created_at")
    reply.created = int(created) if isinstance(created, int | float) else 0
    stop, word = read_stop(body, has_tools=any(isinstance(part, ToolUse) for part in parts))
    reply.choices = [Choice(parts, stop, word)]
    reply.usage = read_usage(body.get("usage"))
    reply.service_tier = read_tier(body.get("service_tier"))
    return reply


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def read_stop(body: Mapping[str, Any], *, has_tools: bool) -> tuple[Stop, str]:
    """`(stop, the vendor's word)`."""
    details = body.get("incomplete_details")
    reason = _text(details.get("reason")) if isinstance(details, dict) else ""
    if reason:
        return STOPS.get(reason, "other"), reason
    return "tool_use" if has_tools else "end", _text(body.get("status")) or "completed"


def read_item(item: Json) -> list[Part]:
    """Parts of one output item; hosted tools' items have no counterpart elsewhere."""
    kind = item.get("type")
    if kind == "message":
        content = item.get("content")
        return [part for value in (content if isinstance(content, list) else []) if (part := _part(value)) is not None]
    if kind == "function_call":
        return [ToolUse(_text(item.get("call_id")), _text(item.get("name")), _text(item.get("arguments")))]
    return [read_reasoning(item)] if kind == "reasoning" else []


def _part(value: object) -> Part | None:
    if not isinstance(value, dict):
        raise InvalidReply("output[].content[]")
    if value.get("type") == "output_text":
        return Text(_text(value.get("text")))
    return Refusal(_text(value.get("refusal"))) if value.get("type") == "refusal" else None


def read_reasoning(item: Json) -> Thinking:
    texts = [
        _text(part.get("text"))
        for name in ("summary", "content")
        for part in (item.get(name) or [])
        if isinstance(part, dict)
    ]
    thinking = Thinking("\n\n".join(texts), id=_text(item.get("id")))
    return unseal_thinking(thinking, _text(item.get("encrypted_content")), HOME)


def read_usage(usage: object) -> Usage | None:
    """None without one, and for a report of nothing but zeros."""
    if not isinstance(usage, dict):
        return None
    found = Usage(_count(usage.get("input_tokens")), _count(usage.get("output_tokens")))
    details, out = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    if isinstance(details, dict):
        found.cache_read = min(_count(details.get("cached_tokens")), found.input)
        found.cache_write_5m, found.cache_write_1h = read_cache_writes(details, found.input - found.cache_read)
    if isinstance(out, dict):
        found.reasoning = min(_count(out.get("reasoning_tokens")), found.output)
    return found if found else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


# ---- writing ---------------------------------------------------------------------------------------------------------
def write_reply(reply: Reply, prompt: Prompt) -> Json:
    choice = reply.choices[0] if reply.choices else Choice()
    base = response_id(reply.id)
    output = [write_item(part, item_id(base, part, index)) for index, part in enumerate(choice.parts)]
    body = skeleton(prompt, base, reply.model, reply.created)
    return finished(body, output, choice.stop, reply.usage, reply.service_tier)


def response_id(identity: str) -> str:
    return identity if identity.startswith("resp_") else f"resp_{identity}"


def item_id(base: str, part: Part, index: int) -> str:
    kind = {ToolUse: "fc", Thinking: "rs"}.get(type(part), "msg")
    return f"{kind}_{base.removeprefix('resp_')}_{index}"


def skeleton(prompt: Prompt, base: str, model: str, created: int) -> Json:
    """A response that has begun: what was asked for is repeated in it."""
    source = prompt.source
    reasoning = prompt.reasoning
    return {
        "id": base, "object": "response", "created_at": created, "status": "in_progress", "background": False,
        "error": None, "incomplete_details": None, "instructions": source.get("instructions"),
        "max_output_tokens": prompt.max_tokens, "max_tool_calls": source.get("max_tool_calls"), "model": model,
        "output": [], "parallel_tool_calls": prompt.parallel_tool_calls is not False, "previous_response_id": None,
        "prompt_cache_key": prompt.cache_key,
        "reasoning": {
            "effort": (reasoning.effort or None) if reasoning else None,
            "summary": (reasoning.shown or None) if reasoning else None,
        },
        "safety_identifier": source.get("safety_identifier"), "service_tier": source.get("service_tier") or "auto",
        "store": False, "temperature": 1.0 if prompt.temperature is None else prompt.temperature,
        "text": _text_config(prompt.output, prompt.verbosity),
        "tool_choice": write_choice(prompt.tool_choice or ToolChoice("auto")),
        "tools": [_tool(tool) for tool in prompt.tools if isinstance(tool, Tool)],
        "top_logprobs": prompt.top_logprobs or 0, "top_p": 1.0 if prompt.top_p is None else prompt.top_p,
        "truncation": "disabled", "usage": None, "user": source.get("user"), "metadata": prompt.metadata or {},
    }  # fmt: skip


def _text_config(output: OutputFormat | None, verbosity: str | None) -> Json:
    return {
        "format": write_format(output) if output is not None else {"type": "text"},
        "verbosity": verbosity or "medium",
    }


def _tool(tool: Tool) -> Json:
    return {
        "type": "function", "name": tool.name, "description": tool.description or None, "parameters": tool.schema,
        "strict": tool.strict,
    }  # fmt: skip


def finished(body: Json, output: list[Json], stop: Stop | None, usage: Usage | None, tier: str | None) -> Json:
    """The response with its output, its end and its usage."""
    reason = REASONS.get(stop or "end")
    body |= {"output": output, "status": "incomplete" if reason else "completed"}
    if reason:
        body["incomplete_details"] = {"reason": reason}
    if usage is not None:
        body["usage"] = write_usage(usage)
    if tier is not None:
        body["service_tier"] = TIERS.get(tier, tier)
    return body


def write_item(part: Part, identity: str, status: str = "completed") -> Json:
    match part:
        case ToolUse():
            return {
                "id": identity, "type": "function_call", "status": status, "call_id": part.id, "name": part.name,
                "arguments": part.arguments or "{}",
            }  # fmt: skip
        case Thinking():
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            item: Json = {"id": identity, "type": "reasoning", "summary": summary}
            held = seal_thinking(part, HOME)
            return item | ({"encrypted_content": held} if held else {})
        case Text() | Refusal():
            return {
                "id": identity, "type": "message", "status": status, "role": "assistant",
                "content": [write_part(part)],
            }  # fmt: skip
    raise InvalidReply(type(part).__name__)


def write_part(part: Text | Refusal) -> Json:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}


def write_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
