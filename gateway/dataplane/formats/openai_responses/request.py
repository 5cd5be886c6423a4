"""Responses request → `Prompt`."""

from collections.abc import Mapping
from typing import Any

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
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)
from gateway.dataplane.formats.openai_chat.request import (
    TIERS,
    read_choice,
    read_effort,
    read_file_data,
    read_function,
    read_schema,
)
from gateway.dataplane.formats.seals import unseal_thinking

HOME = "openai"
NAMES = {
    "max_tokens": "max_output_tokens", "output": "text.format", "verbosity": "text.verbosity",
    "reasoning": "reasoning.effort", "reasoning_shown": "reasoning.summary", "cache_key": "prompt_cache_key",
    "logprobs": "include",
}  # fmt: skip
KNOWN = frozenset(
    {
        "model", "input", "instructions", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls",
        "text", "max_output_tokens", "temperature", "top_p", "top_logprobs", "reasoning", "include", "user",
        "safety_identifier", "metadata", "service_tier", "prompt_cache_key", "store", "background", "truncation",
        "previous_response_id", "conversation", "prompt",
    }
)  # fmt: skip
STATEFUL = ("previous_response_id", "conversation", "prompt", "background")
STATE = "it needs a provider that keeps state"
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"
IGNORED = ("id", "status", "type")  # what an item carries for the server that made it


def read_request(fields: Mapping[str, Any]) -> Prompt:
    """Raises `Malformed`."""
    prompt = Prompt(model=checks.required(fields, "model", checks.text), source=fields, names=dict(NAMES))
    checks.leftovers(fields, KNOWN, "", prompt.extra)
    prompt.firm = {name: STATE for name in STATEFUL if fields.get(name)}
    for name, neutral in (("store", False), ("truncation", "disabled")):
        if fields.get(name) not in (None, neutral):
            prompt.extra[name] = fields[name]
    instructions = checks.optional(fields, "instructions", checks.text)
    if instructions:
        prompt.system.append(Text(instructions, at="instructions"))
    _read_input(prompt, fields.get("input"))
    for index, value in enumerate(checks.optional(fields, "tools", checks.listing) or []):
        prompt.tools.append(_tool(checks.mapping(value, at := f"tools[{index}]"), at, prompt.extra))
    if fields.get("tool_choice") is not None:
        prompt.tool_choice = read_choice(fields["tool_choice"], "tool_choice", prompt.extra)
    prompt.parallel_tool_calls = checks.optional(fields, "parallel_tool_calls", checks.boolean)
    _read_options(prompt, fields)
    return prompt


def _read_options(prompt: Prompt, fields: Mapping[str, Any]) -> None:
    prompt.stream = bool(checks.optional(fields, "stream", checks.boolean))
    prompt.max_tokens = checks.optional(fields, "max_output_tokens", checks.integer)
    prompt.temperature = checks.optional(fields, "temperature", checks.number)
    prompt.top_p = checks.optional(fields, "top_p", checks.number)
    prompt.top_logprobs = checks.optional(fields, "top_logprobs", checks.integer)
    prompt.metadata = checks.optional(fields, "metadata", checks.mapping) or None
    identifier = checks.optional(fields, "safety_identifier", checks.text)
    prompt.user = identifier or checks.optional(fields, "user", checks.text)
    if identifier:
        prompt.names = {**prompt.names, "user": "safety_identifier"}
    tier = checks.optional(fields, "service_tier", checks.text)
    prompt.service_tier = TIERS.get(tier, tier) if tier else None
    prompt.cache_key = checks.optional(fields, "prompt_cache_key", checks.text)
    include = checks.optional(fields, "include", checks.strings) or []
    if LOGPROBS in include:
        prompt.logprobs = True
    if other := [name for name in include if name not in (LOGPROBS, ENCRYPTED)]:
        prompt.extra["include"] = other
    _read_reasoning(prompt, checks.optional(fields, "reasoning", checks.mapping) or {})
    _read_text(prompt, checks.optional(fields, "text", checks.mapping) or {})


def _read_reasoning(prompt: Prompt, reasoning: Json) -> None:
    checks.leftovers(reasoning, ("effort", "summary", "generate_summary"), "reasoning.", prompt.extra)
    effort = checks.optional(reasoning, "effort", checks.text, "reasoning.")
    shown = checks.optional(reasoning, "summary", checks.text, "reasoning.")
    shown = shown or checks.optional(reasoning, "generate_summary", checks.text, "reasoning.") or ""
    if effort or shown:
        prompt.reasoning = read_effort(effort) if effort else Reasoning()
        prompt.reasoning.shown = shown


def _read_text(prompt: Prompt, text: Json) -> None:
    checks.leftovers(text, ("format", "verbosity"), "text.", prompt.extra)
    prompt.verbosity = checks.optional(text, "verbosity", checks.text, "text.")
    given = checks.optional(text, "format", checks.mapping, "text.")
    kind = given.get("type") if given else "text"
    if kind == "json_object":
        prompt.output = OutputFormat("json")
    elif given and kind == "json_schema":
        prompt.output = read_schema(given, "text.format")
    elif kind != "text":
        raise Malformed("text.format.type", "must be 'text', 'json_object' or 'json_schema'")


# ---- input -----------------------------------------------------------------------------------------------------------
def _read_input(prompt: Prompt, given: object) -> None:
    if isinstance(given, str):
        prompt.turns.append(Turn("user", [Text(given, at="input")], at="input"))
        return
    if not isinstance(given, list):
        raise Malformed("input", "must be a string or an array of items")
    for index, value in enumerate(given):
        at = f"input[{index}]"
        item = checks.mapping(value, at)
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        if kind == "message":
            _message(prompt, item, at)
        elif kind == "item_reference":
            prompt.firm[at] = STATE
        else:
            role, part = _item(kind, item, at, prompt.extra)
            _append(prompt, role, part, at)


def _append(prompt: Prompt, role: str, part: Part, at: str) -> None:
    """Items of one speaker that follow each other are one turn; a user's message stays apart from tool results."""
    last = prompt.turns[-1] if prompt.turns else None
    same = last is not None and last.role == role
    if last is not None and same and (role == "assistant" or isinstance(last.parts[-1], ToolResult)):
        last.parts.append(part)
    else:
        prompt.turns.append(Turn("assistant" if role == "assistant" else "user", [part], at=at))


def _message(prompt: Prompt, item: Json, at: str) -> None:
    role = item.get("role")
    checks.leftovers(item, ("role", "content", *IGNORED), f"{at}.", prompt.extra)
    parts = _content(item.get("content"), f"{at}.content", prompt.extra)
    if role in ("system", "developer"):
        if prompt.turns:
            prompt.turns.append(Turn("system", parts, at=at))
        else:
            prompt.system += parts
    elif role == "assistant":
        for part in parts:
            _append(prompt, "assistant", part, at)
    elif role == "user":
        prompt.turns.append(Turn("user", parts, at=at))
    else:
        raise Malformed(f"{at}.role", "must be one of: user, assistant, system, developer")


def _item(kind: str, item: Json, at: str, extra: Json) -> tuple[str, Part]:
    if kind == "function_call":
        checks.leftovers(item, ("call_id", "name", "arguments", *IGNORED), f"{at}.", extra)
        return "assistant", ToolUse(
            checks.required(item, "call_id", checks.text, f"{at}."),
            checks.required(item, "name", checks.text, f"{at}."),
            checks.optional(item, "arguments", checks.text, f"{at}.") or "",
            at=f"{at}.arguments",
        )
    if kind == "function_call_output":
        checks.leftovers(item, ("call_id", "output", *IGNORED), f"{at}.", extra)
        identity = checks.required(item, "call_id", checks.text, f"{at}.")
        return "user", ToolResult(identity, _content(item.get("output"), f"{at}.output", extra), at=at)
    if kind == "reasoning":
        return "assistant", _reasoning(item, at)
    return "user" if kind.endswith("_output") else "assistant", Foreign(kind, item, at=at)


def _reasoning(item: Json, at: str) -> Thinking:
    texts = [
        checks.required(checks.mapping(part, f"{at}.{name}"), "text", checks.text, f"{at}.{name}.")
        for name in ("summary", "content")
        for part in checks.optional(item, name, checks.listing, f"{at}.") or []
    ]
    identity = checks.optional(item, "id", checks.text, f"{at}.") or ""
    held = checks.optional(item, "encrypted_content", checks.text, f"{at}.") or ""
    return unseal_thinking(Thinking("\n\n".join(texts), id=identity, at=at), held, HOME)


def _content(content: object, at: str, extra: Json) -> list[Part]:
    if isinstance(content, str):
        return [Text(content, at=at)]
    if not isinstance(content, list):
        raise Malformed(at, "must be a string or an array of parts")
    return [_part(checks.mapping(item, f"{at}[{i}]"), f"{at}[{i}]", extra) for i, item in enumerate(content)]


def _part(part: Json, at: str, extra: Json) -> Part:
    kind = checks.required(part, "type", checks.text, f"{at}.")
    if kind in ("input_text", "output_text", "text"):
        checks.leftovers(part, ("type", "text", "annotations", "logprobs"), f"{at}.", extra)
        return Text(checks.required(part, "text", checks.text, f"{at}."), at=at)
    if kind == "refusal":
        return Refusal(checks.required(part, "refusal", checks.text, f"{at}."), at=at)
    if kind == "input_image":
        checks.leftovers(part, ("type", "image_url", "file_id", "detail"), f"{at}.", extra)
        return _image(part, at)
    if kind == "input_file":
        checks.leftovers(part, ("type", "file_url", "file_data", "file_id", "filename"), f"{at}.", extra)
        return _file(part, at)
    return Foreign(kind, part, at=at)


def _image(part: Json, at: str) -> Image:
    detail = checks.optional(part, "detail", checks.text, f"{at}.") or ""
    identity = checks.optional(part, "file_id", checks.text, f"{at}.")
    if identity:
        return Image(file_id=identity, detail=detail, at=at)
    url = checks.required(part, "image_url", checks.text, f"{at}.")
    inline = checks.data_url(url)
    if inline is not None:
        return Image(media_type=inline[0], data=inline[1], detail=detail, at=at)
    return Image(url=url, detail=detail, at=at)


def _file(part: Json, at: str) -> Document:
    name = checks.optional(part, "filename", checks.text, f"{at}.") or ""
    identity = checks.optional(part, "file_id", checks.text, f"{at}.")
    url = checks.optional(part, "file_url", checks.text, f"{at}.")
    if identity:
        return Document(file_id=identity, name=name, at=at)
    if url:
        return Document(url=url, name=name, at=at)
    found = read_file_data(checks.required(part, "file_data", checks.text, f"{at}."), name)
    found.at = at
    return found


def _tool(tool: Json, at: str, extra: Json) -> Tool | HostedTool:
    kind = checks.required(tool, "type", checks.text, f"{at}.")
    return read_function(tool, at, extra) if kind == "function" else HostedTool(kind, tool, at=f"{at}.type")
