"""Messages request → `Prompt`."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dataplane.formats import checks
from gateway.dataplane.formats.base import Malformed
from gateway.dataplane.formats.ir import (
    Document,
    Foreign,
    HostedTool,
    Image,
    Json,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from gateway.dataplane.formats.seals import unseal

HOME = "anthropic"
NAMES = {
    "stop": "stop_sequences", "user": "metadata.user_id", "output": "output_config.format", "reasoning": "thinking",
    "reasoning_shown": "thinking.display", "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
}  # fmt: skip
TIERS = {"auto": "auto", "standard_only": "standard"}
KNOWN = frozenset(
    {
        "model", "messages", "system", "max_tokens", "metadata", "stop_sequences", "stream", "temperature", "top_k",
        "top_p", "thinking", "tool_choice", "tools", "output_config", "output_format", "service_tier",
    }
)  # fmt: skip
BLOCKS: dict[str, tuple[str, ...]] = {
    "text": ("text", "citations"),
    "image": ("source",),
    "document": ("source", "title", "context", "citations"),
    "tool_use": ("id", "name", "input", "caller"),
    "tool_result": ("tool_use_id", "content", "is_error"),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
}


def read_request(fields: Mapping[str, Any]) -> Prompt:
    """Raises `Malformed`."""
    prompt = Prompt(model=checks.required(fields, "model", checks.text), source=fields, names=dict(NAMES))
    checks.leftovers(fields, KNOWN, "", prompt.extra)
    if fields.get("system") is not None:
        prompt.system = _content(fields["system"], "system", prompt.extra)
    for index, value in enumerate(checks.required(fields, "messages", checks.listing)):
        prompt.turns.append(_turn(checks.mapping(value, at := f"messages.{index}"), at, prompt.extra))
    for index, value in enumerate(checks.optional(fields, "tools", checks.listing) or []):
        prompt.tools.append(_tool(checks.mapping(value, at := f"tools.{index}"), at, prompt.extra))
    _read_choice(prompt, checks.optional(fields, "tool_choice", checks.mapping))
    prompt.max_tokens = checks.optional(fields, "max_tokens", checks.integer)
    prompt.stream = bool(checks.optional(fields, "stream", checks.boolean))
    prompt.temperature = checks.optional(fields, "temperature", checks.number)
    prompt.top_p = checks.optional(fields, "top_p", checks.number)
    prompt.top_k = checks.optional(fields, "top_k", checks.integer)
    prompt.stop = checks.optional(fields, "stop_sequences", checks.strings) or []
    tier = checks.optional(fields, "service_tier", checks.text)
    prompt.service_tier = TIERS.get(tier, tier) if tier else None
    metadata = checks.optional(fields, "metadata", checks.mapping) or {}
    checks.leftovers(metadata, ("user_id",), "metadata.", prompt.extra)
    prompt.user = checks.optional(metadata, "user_id", checks.text, "metadata.")
    _read_thinking(prompt, fields)
    _read_output(prompt, fields)
    return prompt


def _turn(message: Json, at: str, extra: Json) -> Turn:
    checks.leftovers(message, ("role", "content"), f"{at}.", extra)
    role = message.get("role")
    if role not in ("user", "assistant", "system"):
        raise Malformed(f"{at}.role", "must be 'user', 'assistant' or 'system'")
    parts = _content(message.get("content"), f"{at}.content", extra)
    return Turn("user" if role == "user" else "assistant" if role == "assistant" else "system", parts, at=at)


def _content(content: object, at: str, extra: Json) -> list[Part]:
    if isinstance(content, str):
        return [Text(content, at=at)]
    if not isinstance(content, list):
        raise Malformed(at, "must be a string or an array of blocks")
    return [read_block(checks.mapping(item, f"{at}.{i}"), f"{at}.{i}", extra) for i, item in enumerate(content)]


def read_block(block: Json, at: str, extra: Json) -> Part:
    kind = checks.required(block, "type", checks.text, f"{at}.")
    if kind not in BLOCKS:
        return Foreign(kind, block, at=at)
    checks.leftovers(block, ("type", "cache_control", *BLOCKS[kind]), f"{at}.", extra)
    part = _block(kind, block, at, extra)
    part.cache = checks.cache_mark(block.get("cache_control"), f"{at}.cache_control")
    part.at = at
    return part


def _block(kind: str, block: Json, at: str, extra: Json) -> Part:
    if kind == "text":
        citations = {"citations": block["citations"]} if block.get("citations") else {}
        return Text(checks.required(block, "text", checks.text, f"{at}."), citations)
    if kind == "image":
        return _image(checks.required(block, "source", checks.mapping, f"{at}."), block, at)
    if kind == "document":
        return _document(checks.required(block, "source", checks.mapping, f"{at}."), block, at)
    if kind == "tool_use":
        given = checks.required(block, "input", checks.mapping, f"{at}.")
        return ToolUse(
            checks.required(block, "id", checks.text, f"{at}."),
            checks.required(block, "name", checks.text, f"{at}."),
            orjson.dumps(given).decode(),
        )
    if kind == "tool_result":
        content = block.get("content")
        parts = [] if content is None else _content(content, f"{at}.content", extra)
        is_error = bool(checks.optional(block, "is_error", checks.boolean, f"{at}."))
        return ToolResult(checks.required(block, "tool_use_id", checks.text, f"{at}."), parts, is_error)
    if kind == "thinking":
        signature = checks.optional(block, "signature", checks.text, f"{at}.") or ""
        value, vendor = unseal(signature, HOME)
        return Thinking(checks.text(block.get("thinking") or "", f"{at}.thinking"), value, vendor=vendor)
    data, vendor = unseal(checks.required(block, "data", checks.text, f"{at}."), HOME)
    return Thinking(redacted=data, vendor=vendor)


def _image(source: Json, block: Json, at: str) -> Part:
    kind = source.get("type")
    if kind == "base64":
        return Image(
            data=checks.required(source, "data", checks.text, f"{at}.source."),
            media_type=checks.required(source, "media_type", checks.text, f"{at}.source."),
        )
    if kind == "url":
        return Image(url=checks.required(source, "url", checks.text, f"{at}.source."))
    if kind == "file":
        return Image(file_id=checks.required(source, "file_id", checks.text, f"{at}.source."))
    return Foreign("image", block)


def _document(source: Json, block: Json, at: str) -> Part:
    kind = source.get("type")
    found = Document(name=checks.optional(block, "title", checks.text, f"{at}.") or "")
    found.extra = {name: block[name] for name in ("context", "citations") if block.get(name)}
    if kind == "base64":
        found.data = checks.required(source, "data", checks.text, f"{at}.source.")
        found.media_type = checks.optional(source, "media_type", checks.text, f"{at}.source.") or "application/pdf"
    elif kind == "text":
        found.text = checks.required(source, "data", checks.text, f"{at}.source.")
        found.media_type = "text/plain"
    elif kind == "url":
        found.url = checks.required(source, "url", checks.text, f"{at}.source.")
    elif kind == "file":
        found.file_id = checks.required(source, "file_id", checks.text, f"{at}.source.")
    else:
        return Foreign("document", block)
    return found


# ---- tools, thinking, output -----------------------------------------------------------------------------------------
TOOL_FIELDS = ("type", "name", "description", "input_schema", "strict", "cache_control")


def _tool(tool: Json, at: str, extra: Json) -> Tool | HostedTool:
    kind = checks.optional(tool, "type", checks.text, f"{at}.") or "custom"
    if kind != "custom":
        return HostedTool(kind, tool, at=f"{at}.type")
    checks.leftovers(tool, TOOL_FIELDS, f"{at}.", extra)
    return Tool(
        checks.required(tool, "name", checks.text, f"{at}."),
        checks.optional(tool, "description", checks.text, f"{at}.") or "",
        checks.optional(tool, "input_schema", checks.mapping, f"{at}."),
        checks.optional(tool, "strict", checks.boolean, f"{at}."),
        checks.cache_mark(tool.get("cache_control"), f"{at}.cache_control"),
        at=at,
    )


def _read_choice(prompt: Prompt, choice: Json | None) -> None:
    if choice is None:
        return
    kind = choice.get("type")
    if kind == "auto":
        prompt.tool_choice = ToolChoice("auto")
    elif kind == "any":
        prompt.tool_choice = ToolChoice("required")
    elif kind == "none":
        prompt.tool_choice = ToolChoice("none")
    elif kind == "tool":
        prompt.tool_choice = ToolChoice("one", checks.required(choice, "name", checks.text, "tool_choice."))
    else:
        raise Malformed("tool_choice.type", "must be 'auto', 'any', 'tool' or 'none'")
    alone = checks.optional(choice, "disable_parallel_tool_use", checks.boolean, "tool_choice.")
    prompt.parallel_tool_calls = None if alone is None else not alone


def _read_thinking(prompt: Prompt, fields: Mapping[str, Any]) -> None:
    thinking = checks.optional(fields, "thinking", checks.mapping)
    config = checks.optional(fields, "output_config", checks.mapping) or {}
    effort = checks.optional(config, "effort", checks.text, "output_config.") or ""
    found = Reasoning(effort=effort)
    kind = thinking.get("type") if thinking else ""
    if thinking and kind == "enabled":
        found.mode = "on"
        found.budget = checks.required(thinking, "budget_tokens", checks.integer, "thinking.")
    elif kind == "adaptive":
        found.mode = "adaptive"
    elif kind == "disabled":
        found.mode = "off"
    elif thinking:
        prompt.extra["thinking"] = thinking
    if thinking:
        found.shown = checks.optional(thinking, "display", checks.text, "thinking.") or ""
    if found != Reasoning():
        prompt.reasoning = found


def _read_output(prompt: Prompt, fields: Mapping[str, Any]) -> None:
    """`output_config.format`, and the name it had in beta, `output_format`."""
    config = checks.optional(fields, "output_config", checks.mapping) or {}
    checks.leftovers(config, ("effort", "format"), "output_config.", prompt.extra)
    at, given = "output_config.format", checks.optional(config, "format", checks.mapping, "output_config.")
    if given is None:
        at, given = "output_format", checks.optional(fields, "output_format", checks.mapping)
    if given is None:
        return
    if given.get("type") != "json_schema":
        raise Malformed(f"{at}.type", "must be 'json_schema'")
    prompt.names = {**prompt.names, "output": at}
    prompt.output = OutputFormat(
        "schema", schema=checks.required(given, "schema", checks.mapping, f"{at}."), strict=True
    )
