"""`Prompt` → Messages request."""

import base64
import binascii
import re
from typing import Any

from gateway.dataplane.formats import checks
from gateway.dataplane.formats.anthropic.request import HOME
from gateway.dataplane.formats.base import Losses
from gateway.dataplane.formats.budgets import budget_for
from gateway.dataplane.formats.ir import (
    Document,
    HostedTool,
    Image,
    Json,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)

# JSON of any shape has no native counterpart: a tool that must be called carries it, and its input is the answer.
JSON_TOOL = "respond_with_json"
DEFAULT_MAX_TOKENS = 4_096  # Anthropic requires a limit; docs/wire-formats.md says that this one stands in
EFFORTS = {"minimal": "low"}
TIERS = {"auto": "auto", "standard": "standard_only"}
# Models before adaptive thinking (Claude 4.6) take a budget only.
_BUDGETED = re.compile(r"claude-(?:3|(?:opus|sonnet|haiku)-4(?:-[0-5])?(?:[-@]\d{8}.*|@.*|-v\d.*|-latest)?$)")
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
NEUTRAL = {
    "n": 1, "seed": None, "presence_penalty": 0, "frequency_penalty": 0, "logit_bias": None, "logprobs": False,
    "top_logprobs": 0, "verbosity": "medium", "metadata": None, "cache_key": None,
}  # fmt: skip


def write_request(prompt: Prompt, losses: Losses) -> Json:
    """Fields of the body, `stream` included. Raises `Unsupported`, or `Malformed` for arguments that are no object."""
    losses.drop_all(prompt, NEUTRAL)
    limit = DEFAULT_MAX_TOKENS if prompt.max_tokens is None else prompt.max_tokens
    body: Json = {"model": prompt.model, "max_tokens": limit}
    if prompt.system:
        body["system"] = _system(prompt.system, losses)
    body["messages"] = [_turn(turn, losses) for turn in prompt.turns]
    _write_sampling(body, prompt, losses)
    if prompt.stop:
        body["stop_sequences"] = prompt.stop
    if prompt.user is not None:
        body["metadata"] = {"user_id": prompt.user}
    if prompt.service_tier in TIERS:
        body["service_tier"] = TIERS[prompt.service_tier]
    elif prompt.service_tier is not None:
        losses.drop(prompt.called("service_tier"), f"the target has no service tier '{prompt.service_tier}'")
    if prompt.reasoning is not None:
        _write_reasoning(body, prompt.reasoning, prompt, losses)
    _write_tools(body, prompt, losses)
    _write_output(body, prompt, losses)
    if prompt.stream:
        body["stream"] = True
    return body


def _write_sampling(body: Json, prompt: Prompt, losses: Losses) -> None:
    if prompt.temperature is not None and prompt.temperature > 1:
        losses.drop(prompt.called("temperature"), "the target takes temperatures from 0 to 1")
    elif prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    if prompt.top_p is not None:
        body["top_p"] = prompt.top_p
    if prompt.top_k is not None:
        body["top_k"] = prompt.top_k


def _write_reasoning(body: Json, reasoning: Reasoning, prompt: Prompt, losses: Losses) -> None:
    """Budgets stay budgets; an effort becomes adaptive thinking with it, or a budget for the models before that."""
    thinking: dict[str, Any] = {}
    if reasoning.mode == "off":
        thinking = {"type": "disabled"}
    elif reasoning.budget is not None:
        thinking = {"type": "enabled", "budget_tokens": reasoning.budget}
    elif reasoning.effort and _BUDGETED.match(prompt.model):
        budget = budget_for(reasoning.effort, body["max_tokens"], prompt, losses)
        if not budget:
            return
        thinking = {"type": "enabled", "budget_tokens": budget}
    elif reasoning.mode:
        thinking = {"type": "adaptive"}
    if reasoning.effort and thinking.get("type") in (None, "adaptive"):
        body["output_config"] = {"effort": EFFORTS.get(reasoning.effort, reasoning.effort)}
    if reasoning.shown and thinking.get("type") in ("enabled", "adaptive"):
        thinking["display"] = "omitted" if reasoning.shown == "omitted" else "summarized"
    if thinking:
        body["thinking"] = thinking


# ---- messages --------------------------------------------------------------------------------------------------------
def _system(parts: list[Part], losses: Losses) -> str | list[Json]:
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        return parts[0].text
    return _blocks(parts, losses)


def _turn(turn: Turn, losses: Losses) -> Json:
    if turn.name:
        losses.drop(f"{turn.at}.name")
    parts = turn.parts
    if turn.role == "assistant":  # an empty text beside tool calls is refused by the vendor, and says nothing
        parts = [part for part in parts if not (isinstance(part, Text) and not part.text)] or parts
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None and not parts[0].extra:
        return {"role": turn.role, "content": parts[0].text}
    return {"role": turn.role, "content": _blocks(parts, losses)}


def _blocks(parts: list[Part], losses: Losses) -> list[Json]:
    found: list[Json] = []
    for part in parts:
        block = _block(part, losses)
        if block is None:
            losses.drop(part.at)
            continue
        if part.cache is not None:
            block["cache_control"] = write_cache(part.cache)
        found.append(block)
    return found


def write_cache(lifetime: str) -> Json:
    return {"type": "ephemeral"} | ({"ttl": "1h"} if lifetime == "1h" else {})


def _block(part: Part, losses: Losses) -> Json | None:
    """None for what has no counterpart."""
    match part:
        case Text():
            if set(part.extra) - {"citations"}:
                losses.drop(f"{part.at}.{next(iter(part.extra))}")
            return {
                "type": "text",
                "text": part.text,
                **({"citations": c} if (c := part.extra.get("citations")) else {}),
            }
        case Refusal():
            return {"type": "text", "text": part.text}
        case ToolUse():
            given = checks.arguments(part.arguments, part.at)
            return {"type": "tool_use", "id": clean_id(part.id), "name": part.name, "input": given}
        case ToolResult():
            return _tool_result(part, losses)
        case Image():
            return _image(part, losses)
        case Document():
            return _document(part, losses)
        case Thinking() if part.redacted:
            return {"type": "redacted_thinking", "data": part.redacted} if part.vendor == HOME else None
        case Thinking():
            is_ours = part.vendor == HOME and part.signature
            return {"type": "thinking", "thinking": part.text, "signature": part.signature} if is_ours else None
    return None


def clean_id(identity: str) -> str:
    """Ids of tool calls hold letters, digits, `_` and `-` here; other vendors use more."""
    return _NOT_IN_ID.sub("_", identity)


def _tool_result(result: ToolResult, losses: Losses) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": clean_id(result.id)}
    parts = result.parts
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        block["content"] = parts[0].text
    elif parts:
        block["content"] = _blocks(parts, losses)
    if result.is_error:
        block["is_error"] = True
    return block


def _image(part: Image, losses: Losses) -> Json | None:
    if part.detail not in ("", "auto"):
        losses.drop(f"{part.at}.detail", "the target has no levels of detail")
    if part.data:
        return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": part.data}}
    return {"type": "image", "source": {"type": "url", "url": part.url}} if part.url else None


def _document(part: Document, losses: Losses) -> Json | None:
    source: Json
    if part.text:
        source = {"type": "text", "media_type": "text/plain", "data": part.text}
    elif part.url:
        source = {"type": "url", "url": part.url}
    elif part.data and part.media_type == "application/pdf":
        source = {"type": "base64", "media_type": part.media_type, "data": part.data}
    elif part.data and part.media_type.startswith("text/") and (text := _decoded(part.data)) is not None:
        source = {"type": "text", "media_type": "text/plain", "data": text}
    else:
        return None
    for name in part.extra:
        if name not in ("context", "citations"):
            losses.drop(f"{part.at}.{name}")
    block: Json = {"type": "document", "source": source}
    if part.name:
        block["title"] = part.name
    return block | {name: part.extra[name] for name in ("context", "citations") if name in part.extra}


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


# ---- tools and output ------------------------------------------------------------------------------------------------
def _write_tools(body: Json, prompt: Prompt, losses: Losses) -> None:
    choice = prompt.tool_choice
    allowed = set(choice.names) if choice is not None else set()
    tools: list[Json] = []
    for tool in prompt.tools:
        if isinstance(tool, HostedTool):
            losses.drop(tool.at, f"the target has no tool of type '{tool.kind}'")
        elif not allowed or tool.name in allowed:  # a subset to choose from is all that the model is shown
            tools.append(_tool(tool))
    if not tools:
        return
    body["tools"] = tools
    written: Json = {}
    if choice is not None:
        written = {"type": {"auto": "auto", "required": "any", "none": "none", "one": "tool"}[choice.mode]}
        if choice.mode == "one":
            written["name"] = choice.name
    if prompt.parallel_tool_calls is False and written.get("type") != "none":
        written = {"type": "auto", **written, "disable_parallel_tool_use": True}
    if written:
        body["tool_choice"] = written


def _tool(tool: Tool) -> Json:
    found: Json = {"name": tool.name}
    if tool.description:
        found["description"] = tool.description
    found["input_schema"] = tool.schema if tool.schema is not None else {"type": "object", "properties": {}}
    if tool.strict:
        found["strict"] = True
    if tool.cache is not None:
        found["cache_control"] = write_cache(tool.cache)
    return found


def _write_output(body: Json, prompt: Prompt, losses: Losses) -> None:
    output = prompt.output
    if output is None:
        return
    if output.kind == "schema" and output.schema is not None:
        schema = output.schema
        if output.description and "description" not in schema:
            schema = {"description": output.description, **schema}
        body["output_config"] = body.get("output_config", {}) | {"format": {"type": "json_schema", "schema": schema}}
        return
    thinks = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    if "tools" in body or thinks:
        losses.drop(prompt.called("output"), "JSON of any shape goes with neither tools nor thinking; give a schema")
        return
    description = "Give the whole answer as the input of this tool, a JSON object."
    body["tools"] = [{"name": JSON_TOOL, "description": description, "input_schema": {"type": "object"}}]
    body["tool_choice"] = {"type": "tool", "name": JSON_TOOL}
