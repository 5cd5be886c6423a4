"""`Prompt` → Chat Completions request."""

from typing import Any

from gateway.dataplane.formats.base import Losses
from gateway.dataplane.formats.ir import (
    Audio,
    Document,
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
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from gateway.dataplane.formats.openai_chat.reasoning import write_thinking

PLAIN = (
    "temperature", "top_p", "seed", "n", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
    "top_logprobs", "verbosity", "user", "metadata", "parallel_tool_calls",
)  # fmt: skip
TIERS = {"auto": "auto", "standard": "default"}
# Thinking budgets in tokens up to which an effort stands for them, as gateways document it (docs/wire-formats.md).
EFFORTS = ((4_096, "low"), (16_384, "medium"))


def write_request(prompt: Prompt, losses: Losses) -> Json:
    """Fields of the body, `stream` included. Raises `Unsupported`."""
    losses.drop_all(prompt, {"top_k": prompt.top_k if "top_k" in losses.extensions else None})
    body: Json = {"model": prompt.model, "messages": write_messages(prompt, losses)}
    _write_tools(body, prompt, losses)
    if prompt.output is not None:
        body["response_format"] = write_output(prompt.output)
    if prompt.max_tokens is not None:
        body["max_completion_tokens"] = prompt.max_tokens
    for name in PLAIN:
        if (value := getattr(prompt, name)) is not None:
            body[name] = value
    if prompt.top_k is not None and "top_k" in losses.extensions:
        body["top_k"] = prompt.top_k
    if prompt.stop:
        body["stop"] = prompt.stop
    if prompt.cache_key is not None:
        body["prompt_cache_key"] = prompt.cache_key
    if prompt.service_tier is not None:
        body["service_tier"] = TIERS.get(prompt.service_tier, prompt.service_tier)
    if prompt.reasoning is not None and (effort := write_effort(prompt.reasoning, prompt, losses)):
        body["reasoning_effort"] = effort
    if prompt.stream:
        body["stream"] = True
    return body


def write_effort(reasoning: Reasoning, prompt: Prompt, losses: Losses) -> str:
    """The effort asked for, or the one that stands for a budget; empty leaves it to the model."""
    if reasoning.shown not in ("", "omitted") and "reasoning_content" not in losses.extensions:
        losses.drop(prompt.called("reasoning_shown"), "the target does not show its reasoning")
    if reasoning.effort:
        return reasoning.effort
    if reasoning.budget is None:  # without a word Anthropic's models do not think: "off" asks for nothing either
        return ""
    return next((effort for limit, effort in EFFORTS if reasoning.budget < limit), "high")


# ---- messages --------------------------------------------------------------------------------------------------------
def write_messages(prompt: Prompt, losses: Losses) -> list[Json]:
    messages: list[Json] = []
    if prompt.system:
        messages.append({"role": "system", "content": _content(prompt.system, losses)})
    for turn in prompt.turns:
        if turn.role == "assistant":
            messages.append(_named(_assistant(turn, losses), turn))
        elif turn.role == "system":
            messages.append(_named({"role": "system", "content": _content(turn.parts, losses)}, turn))
        else:
            messages += _user(turn, losses)
    return messages


def _named(message: Json, turn: Turn) -> Json:
    return {**message, "name": turn.name} if turn.name else message


def _user(turn: Turn, losses: Losses) -> list[Json]:
    """Tool results are messages of their own, before what the user says."""
    messages = [_tool_result(part, losses) for part in turn.parts if isinstance(part, ToolResult)]
    rest = [part for part in turn.parts if not isinstance(part, ToolResult)]
    if rest or not messages:
        messages.append(_named({"role": "user", "content": _content(rest, losses)}, turn))
    return messages


def _tool_result(result: ToolResult, losses: Losses) -> Json:
    _drop_cache(result, losses)
    if result.is_error:
        losses.drop(f"{result.at}.is_error")
    texts: list[Part] = []
    for part in result.parts:
        if isinstance(part, Text):
            texts.append(part)
        else:
            losses.drop(part.at, "tool results can only be text in the target's format")
    return {"role": "tool", "tool_call_id": result.id, "content": _content(texts, losses)}


def _assistant(turn: Turn, losses: Losses) -> Json:
    said: list[Part] = []
    calls: list[Json] = []
    message: Json = {"role": "assistant"}
    for part in turn.parts:
        if isinstance(part, ToolUse):
            _drop_cache(part, losses)
            function = {"name": part.name, "arguments": part.arguments or "{}"}
            calls.append({"id": part.id, "type": "function", "function": function})
        elif isinstance(part, Thinking):
            if "reasoning_content" not in losses.extensions:
                losses.drop(part.at, "the target takes no reasoning of earlier turns")
        elif isinstance(part, Audio) and part.id:
            message["audio"] = {"id": part.id}
        else:
            said.append(part)
    if "reasoning_content" in losses.extensions:
        message |= write_thinking(turn.parts)
    if len(said) == 1 and isinstance(said[0], Refusal):
        message |= {"content": None, "refusal": said[0].text}
    else:
        message["content"] = _content(said, losses) if said or not calls else None
    if calls:
        message["tool_calls"] = calls
    return message


def _content(parts: list[Part], losses: Losses) -> str | list[Json]:
    """One text is written as a string, which every compatible provider takes."""
    found = [written for part in parts if (written := _part(part, losses)) is not None]
    if not found:
        return ""
    if len(found) == 1 and found[0]["type"] == "text":
        return str(found[0]["text"])
    return found


def _drop_cache(part: Part | Tool, losses: Losses) -> None:
    if part.cache is not None:
        losses.drop(f"{part.at}.cache_control", "the target has no marks for what to cache")


def _part(part: Part, losses: Losses) -> Json | None:
    _drop_cache(part, losses)
    if isinstance(part, Text):
        for name in part.extra:
            losses.drop(f"{part.at}.{name}")
        return {"type": "text", "text": part.text}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if isinstance(part, Image) and (part.url or part.data):
        image = {"url": part.url or f"data:{part.media_type};base64,{part.data}"}
        return {"type": "image_url", "image_url": image | ({"detail": part.detail} if part.detail else {})}
    if isinstance(part, Audio) and part.data:
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
    if isinstance(part, Document) and (file := _file(part, losses)) is not None:
        return file
    if isinstance(part, Document | Image) and part.file_id:
        losses.drop(part.at, f"'{part.at}' names a file by its id (file_id), which only the vendor that has it knows")
    losses.drop(part.at)
    return None


def _file(part: Document, losses: Losses) -> Json | None:
    for extra in part.extra:
        losses.drop(f"{part.at}.{extra}")
    if part.text:
        if part.name:
            losses.drop(f"{part.at}.title")
        return {"type": "text", "text": part.text}
    if part.data:
        data = f"data:{part.media_type};base64,{part.data}"
        return {"type": "file", "file": {"file_data": data, "filename": part.name or "document.pdf"}}
    return None


# ---- tools and output ------------------------------------------------------------------------------------------------
def _write_tools(body: Json, prompt: Prompt, losses: Losses) -> None:
    tools = []
    for tool in prompt.tools:
        if isinstance(tool, HostedTool):
            losses.drop(tool.at, f"the target has no tool of type '{tool.kind}'")
        else:
            _drop_cache(tool, losses)
            tools.append({"type": "function", "function": write_function(tool)})
    if tools:
        body["tools"] = tools
    if prompt.tool_choice is not None:
        body["tool_choice"] = write_choice(prompt.tool_choice)


def write_function(tool: Tool) -> Json:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def write_choice(choice: ToolChoice) -> str | Json:
    if choice.mode == "one":
        return {"type": "function", "function": {"name": choice.name}}
    if choice.names:
        tools = [{"type": "function", "function": {"name": name}} for name in choice.names]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}
    return choice.mode


def write_output(output: OutputFormat) -> Json:
    if output.kind == "json":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": schema_fields(output)}


def schema_fields(output: OutputFormat) -> Json:
    fields: dict[str, Any] = {"name": output.name or "output"}
    if output.description:
        fields["description"] = output.description
    if output.schema is not None:
        fields["schema"] = output.schema
    if output.strict is not None:
        fields["strict"] = output.strict
    return fields
