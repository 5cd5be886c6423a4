"""`Prompt` → Responses request. The gateway keeps no state, so `store` is false and reasoning comes back encrypted."""

from typing import Any

from gateway.dataplane.formats.base import Losses
from gateway.dataplane.formats.ir import (
    Document,
    HostedTool,
    Image,
    Json,
    OutputFormat,
    Part,
    Prompt,
    Refusal,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from gateway.dataplane.formats.openai_chat.writing import TIERS, schema_fields, write_effort, write_function
from gateway.dataplane.formats.openai_responses.request import ENCRYPTED, HOME, LOGPROBS

NEUTRAL = {
    "n": 1, "seed": None, "presence_penalty": 0, "frequency_penalty": 0, "logit_bias": None, "top_k": None,
}  # fmt: skip
PLAIN = ("temperature", "top_p", "top_logprobs", "metadata", "parallel_tool_calls")
SHOWN = {"summarized": "auto", "omitted": None}


def write_request(prompt: Prompt, losses: Losses) -> Json:
    """Fields of the body, `stream` included. Raises `Unsupported`."""
    losses.drop_all(prompt, NEUTRAL)
    if prompt.stop:
        losses.drop(prompt.called("stop"))
    body: Json = {"model": prompt.model, "store": False}
    if len(prompt.system) == 1 and isinstance(prompt.system[0], Text) and prompt.system[0].cache is None:
        body["instructions"] = prompt.system[0].text
    items = [] if "instructions" in body or not prompt.system else [_message("system", prompt.system, losses)]
    for turn in prompt.turns:
        items += _items(turn, losses)
    body["input"] = items
    _write_tools(body, prompt, losses)
    _write_text(body, prompt)
    _write_reasoning(body, prompt, losses)
    if prompt.max_tokens is not None:
        body["max_output_tokens"] = prompt.max_tokens
    for name in PLAIN:
        if (value := getattr(prompt, name)) is not None:
            body[name] = value
    if prompt.logprobs:
        body["include"] = [*body.get("include", []), LOGPROBS]
    if prompt.user is not None:
        body["safety_identifier"] = prompt.user
    if prompt.cache_key is not None:
        body["prompt_cache_key"] = prompt.cache_key
    if prompt.service_tier is not None:
        body["service_tier"] = TIERS.get(prompt.service_tier, prompt.service_tier)
    if prompt.stream:
        body["stream"] = True
    return body


def _write_reasoning(body: Json, prompt: Prompt, losses: Losses) -> None:
    if prompt.reasoning is None:
        return
    shown = prompt.reasoning.shown
    reasoning: dict[str, Any] = {}
    if effort := write_effort(prompt.reasoning, prompt, Losses(losses.target, extensions=("reasoning_content",))):
        reasoning["effort"] = effort
    if summary := SHOWN.get(shown, shown):
        reasoning["summary"] = summary
    if reasoning:
        body["reasoning"] = reasoning
        body["include"] = [ENCRYPTED]


def _write_text(body: Json, prompt: Prompt) -> None:
    text: Json = {}
    if prompt.output is not None:
        text["format"] = write_format(prompt.output)
    if prompt.verbosity is not None:
        text["verbosity"] = prompt.verbosity
    if text:
        body["text"] = text


def write_format(output: OutputFormat) -> Json:
    return {"type": "json_object"} if output.kind == "json" else {"type": "json_schema", **schema_fields(output)}


# ---- input -----------------------------------------------------------------------------------------------------------
def _items(turn: Turn, losses: Losses) -> list[Json]:
    """Calls, results and reasoning are items of their own; what stands between them is messages."""
    if turn.name:
        losses.drop(f"{turn.at}.name")
    items: list[Json] = []
    said: list[Part] = []
    for part in turn.parts:
        item = _item(part, losses)
        if item is None:
            said.append(part)
            continue
        if said:
            items.append(_message(turn.role, said, losses))
            said = []
        if item:
            items.append(item)
    if said or not turn.parts:
        items.append(_message(turn.role, said, losses))
    return items


def _item(part: Part, losses: Losses) -> Json | None:
    """None for a part of a message, empty for one that was dropped."""
    if isinstance(part, ToolUse):
        _drop_cache(part, losses)
        given = part.arguments or "{}"
        return {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": given}
    if isinstance(part, ToolResult):
        _drop_cache(part, losses)
        if part.is_error:
            losses.drop(f"{part.at}.is_error")
        return {"type": "function_call_output", "call_id": part.id, "output": _content(part.parts, "user", losses)}
    if isinstance(part, Thinking):
        if part.vendor == HOME and part.signature:
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            return {"type": "reasoning", "id": part.id, "summary": summary, "encrypted_content": part.signature}
        losses.drop(part.at, "the target takes only its own reasoning of earlier turns")
        return {}
    return None


def _message(role: str, parts: list[Part], losses: Losses) -> Json:
    return {"type": "message", "role": role, "content": _content(parts, role, losses)}


def _content(parts: list[Part], role: str, losses: Losses) -> str | list[Json]:
    found = [written for part in parts if (written := _part(part, role, losses)) is not None]
    if not found:
        return ""
    if len(found) == 1 and found[0]["type"] in ("input_text", "output_text"):
        return str(found[0]["text"])
    return found


def _drop_cache(part: Part, losses: Losses) -> None:
    if part.cache is not None:
        losses.drop(f"{part.at}.cache_control", "the target has no marks for what to cache")


def _part(part: Part, role: str, losses: Losses) -> Json | None:
    _drop_cache(part, losses)
    match part:
        case Text():
            for name in part.extra:
                losses.drop(f"{part.at}.{name}")
            return {"type": "output_text" if role == "assistant" else "input_text", "text": part.text}
        case Refusal():
            return {"type": "refusal", "refusal": part.text}
        case Image() if part.url or part.data:
            url = part.url or f"data:{part.media_type};base64,{part.data}"
            return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
        case Document() if part.url or part.data or part.text:
            return _file(part, losses)
    losses.drop(part.at)
    return None


def _file(part: Document, losses: Losses) -> Json:
    for name in part.extra:
        losses.drop(f"{part.at}.{name}")
    if part.text:
        if part.name:
            losses.drop(f"{part.at}.title")
        return {"type": "input_text", "text": part.text}
    if part.url:
        return {"type": "input_file", "file_url": part.url}
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "input_file", "filename": part.name or "document.pdf", "file_data": data}


# ---- tools -----------------------------------------------------------------------------------------------------------
def _write_tools(body: Json, prompt: Prompt, losses: Losses) -> None:
    tools = []
    for tool in prompt.tools:
        if isinstance(tool, HostedTool):
            losses.drop(tool.at, f"the target has no tool of type '{tool.kind}'")
            continue
        if tool.cache is not None:
            losses.drop(f"{tool.at}.cache_control", "the target has no marks for what to cache")
        function = {"parameters": None, **write_function(tool), "strict": bool(tool.strict)}
        tools.append({"type": "function", **function})
    if tools:
        body["tools"] = tools
    if prompt.tool_choice is not None:
        body["tool_choice"] = write_choice(prompt.tool_choice)


def write_choice(choice: ToolChoice) -> str | Json:
    if choice.mode == "one":
        return {"type": "function", "name": choice.name}
    if choice.names:
        tools = [{"type": "function", "name": name} for name in choice.names]
        return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}
    return choice.mode
