"""Chat Completions request → `Prompt`."""

from collections.abc import Mapping
from typing import Any

from gateway.dataplane.formats import checks
from gateway.dataplane.formats.base import Malformed
from gateway.dataplane.formats.ir import (
    Audio,
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
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from gateway.dataplane.formats.openai_chat.reasoning import read_thinking

NAMES = {
    "max_tokens": "max_completion_tokens",
    "output": "response_format",
    "reasoning": "reasoning_effort",
    "cache_key": "prompt_cache_key",
}
TIERS = {"auto": "auto", "default": "standard"}
KNOWN = frozenset(
    {
        "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls",
        "response_format", "max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "n",
        "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "reasoning_effort",
        "verbosity", "user", "safety_identifier", "metadata", "service_tier", "prompt_cache_key", "functions",
        "function_call", "store", "modalities",
    }
)  # fmt: skip
MESSAGE_FIELDS = frozenset(
    {
        "role", "content", "name", "refusal", "tool_calls", "tool_call_id", "function_call", "audio", "reasoning",
        "reasoning_content", "reasoning_details",
    }
)  # fmt: skip


def read_request(fields: Mapping[str, Any]) -> Prompt:
    """Raises `Malformed`."""
    prompt = Prompt(model=checks.required(fields, "model", checks.text), source=fields)
    prompt.names = _names(fields)
    checks.leftovers(fields, KNOWN, "", prompt.extra)
    if fields.get("store"):
        prompt.extra["store"] = fields["store"]
    if fields.get("modalities") not in (None, ["text"]):
        prompt.extra["modalities"] = fields["modalities"]
    _read_messages(prompt, checks.required(fields, "messages", checks.listing))
    _read_tools(prompt, fields)
    prompt.output = _output(fields)
    read_sampling(prompt, fields)
    limit = checks.optional(fields, "max_completion_tokens", checks.integer)
    prompt.max_tokens = limit if limit is not None else checks.optional(fields, "max_tokens", checks.integer)
    effort = checks.optional(fields, "reasoning_effort", checks.text)
    prompt.reasoning = read_effort(effort) if effort else None
    prompt.verbosity = checks.optional(fields, "verbosity", checks.text)
    tier = checks.optional(fields, "service_tier", checks.text)
    prompt.service_tier = TIERS.get(tier, tier) if tier else None
    prompt.cache_key = checks.optional(fields, "prompt_cache_key", checks.text)
    return prompt


def read_sampling(prompt: Prompt, fields: Mapping[str, Any]) -> None:
    """What the chat and the legacy endpoint share."""
    prompt.stream = bool(checks.optional(fields, "stream", checks.boolean))
    prompt.temperature = checks.optional(fields, "temperature", checks.number)
    prompt.top_p = checks.optional(fields, "top_p", checks.number)
    prompt.top_k = checks.optional(fields, "top_k", checks.integer)
    prompt.stop = checks.optional(fields, "stop", checks.one_or_more) or []
    prompt.seed = checks.optional(fields, "seed", checks.integer)
    prompt.n = checks.optional(fields, "n", checks.integer)
    prompt.presence_penalty = checks.optional(fields, "presence_penalty", checks.number)
    prompt.frequency_penalty = checks.optional(fields, "frequency_penalty", checks.number)
    prompt.logit_bias = checks.optional(fields, "logit_bias", checks.mapping) or None
    if isinstance(fields.get("logprobs"), bool):
        prompt.logprobs = fields["logprobs"]
    prompt.top_logprobs = checks.optional(fields, "top_logprobs", checks.integer)
    prompt.metadata = checks.optional(fields, "metadata", checks.mapping) or None
    identifier = checks.optional(fields, "safety_identifier", checks.text)
    user = checks.optional(fields, "user", checks.text)
    prompt.user = identifier or user
    if identifier and user and user != identifier:
        prompt.extra["user"] = user


def _names(fields: Mapping[str, Any]) -> dict[str, str]:
    """The caller's words, where two stand for the same thing."""
    names = dict(NAMES)
    if fields.get("max_completion_tokens") is None:
        names["max_tokens"] = "max_tokens"
    if fields.get("safety_identifier"):
        names["user"] = "safety_identifier"
    return names


def read_effort(effort: str) -> Reasoning:
    return Reasoning(effort=effort, mode="off" if effort == "none" else "on")


# ---- messages --------------------------------------------------------------------------------------------------------
def _read_messages(prompt: Prompt, messages: list[Any]) -> None:
    for index, value in enumerate(messages):
        at = f"messages[{index}]"
        message = checks.mapping(value, at)
        checks.leftovers(message, MESSAGE_FIELDS, f"{at}.", prompt.extra)
        for name in [key for key in prompt.extra if key == f"{at}.annotations" and not prompt.extra[key]]:
            del prompt.extra[name]  # an empty list, as the official client writes its own replies back
        role = message.get("role")
        if role in ("system", "developer"):
            _read_system(prompt, message, at)
        elif role == "user":
            parts = _content(message, at, prompt.extra)
            prompt.turns.append(Turn("user", parts, checks.optional(message, "name", checks.text, f"{at}.") or "", at))
        elif role == "assistant":
            prompt.turns.append(_assistant(message, at, prompt.extra))
        elif role in ("tool", "function"):
            _read_tool_result(prompt, message, at)
        else:
            raise Malformed(f"{at}.role", "must be one of: developer, system, user, assistant, tool, function")


def _read_system(prompt: Prompt, message: Json, at: str) -> None:
    """Leading instructions are the system prompt; a later one stays where it stands."""
    parts = _content(message, at, prompt.extra)
    if prompt.turns:
        prompt.turns.append(Turn("system", parts, checks.optional(message, "name", checks.text, f"{at}.") or "", at))
        return
    prompt.system += parts
    if message.get("name"):
        prompt.extra[f"{at}.name"] = message["name"]


def _assistant(message: Json, at: str, extra: Json) -> Turn:
    parts = read_thinking(message, at)
    if message.get("content") is not None:
        parts += _content(message, at, extra)
    refusal = checks.optional(message, "refusal", checks.text, f"{at}.")
    if refusal:
        parts.append(Refusal(refusal, at=f"{at}.refusal"))
    audio = checks.optional(message, "audio", checks.mapping, f"{at}.")
    if audio:
        parts.append(Audio(id=checks.required(audio, "id", checks.text, f"{at}.audio."), at=f"{at}.audio"))
    for index, value in enumerate(checks.optional(message, "tool_calls", checks.listing, f"{at}.") or []):
        parts.append(_tool_use(checks.mapping(value, place := f"{at}.tool_calls[{index}]"), place, extra))
    call = checks.optional(message, "function_call", checks.mapping, f"{at}.")
    if call:  # the deprecated single call has no id: its function's name pairs it with the result
        name = checks.required(call, "name", checks.text, f"{at}.function_call.")
        arguments = checks.optional(call, "arguments", checks.text, f"{at}.function_call.") or ""
        parts.append(ToolUse(f"call_{name}", name, arguments, at=f"{at}.function_call"))
    return Turn("assistant", parts, checks.optional(message, "name", checks.text, f"{at}.") or "", at)


def _tool_use(call: Json, at: str, extra: Json) -> Part:
    if call.get("type", "function") != "function":
        return Foreign(str(call["type"]), call, at=at)
    checks.leftovers(call, ("id", "type", "function", "index"), f"{at}.", extra)
    function = checks.required(call, "function", checks.mapping, f"{at}.")
    return ToolUse(
        checks.required(call, "id", checks.text, f"{at}."),
        checks.required(function, "name", checks.text, f"{at}.function."),
        checks.optional(function, "arguments", checks.text, f"{at}.function.") or "",
        at=f"{at}.function.arguments",
    )


def _read_tool_result(prompt: Prompt, message: Json, at: str) -> None:
    """Results that follow each other stand in one turn, as the vendors that know no tool role want them."""
    if message["role"] == "function":
        identity = f"call_{checks.required(message, 'name', checks.text, f'{at}.')}"
    else:
        identity = checks.required(message, "tool_call_id", checks.text, f"{at}.")
    parts = [] if message.get("content") is None else _content(message, at, prompt.extra)
    result = ToolResult(identity, parts, at=at)
    last = prompt.turns[-1] if prompt.turns else None
    if last is not None and last.role == "user" and last.parts and isinstance(last.parts[-1], ToolResult):
        last.parts.append(result)
    else:
        prompt.turns.append(Turn("user", [result], at=at))


def _content(message: Json, at: str, extra: Json) -> list[Part]:
    content = message.get("content")
    if isinstance(content, str):
        return [Text(content, at=f"{at}.content")]
    if not isinstance(content, list):
        raise Malformed(f"{at}.content", "must be a string or an array of parts")
    return [read_part(item, f"{at}.content[{index}]", extra) for index, item in enumerate(content)]


def read_part(value: object, at: str, extra: Json) -> Part:
    part = checks.mapping(value, at)
    kind = checks.required(part, "type", checks.text, f"{at}.")
    cache = checks.cache_mark(part.get("cache_control"), f"{at}.cache_control")
    if kind in ("text", "image_url", "input_audio", "file", "refusal"):
        checks.leftovers(part, ("type", kind, "cache_control"), f"{at}.", extra)
    if kind == "text":
        return Text(checks.required(part, "text", checks.text, f"{at}."), cache=cache, at=at)
    if kind == "refusal":
        return Refusal(checks.required(part, "refusal", checks.text, f"{at}."), cache=cache, at=at)
    if kind == "image_url":
        image = _image(checks.required(part, "image_url", checks.mapping, f"{at}."), f"{at}.image_url.")
    elif kind == "input_audio":
        audio = checks.required(part, "input_audio", checks.mapping, f"{at}.")
        data = checks.required(audio, "data", checks.text, f"{at}.input_audio.")
        image = Audio(data=data, format=checks.required(audio, "format", checks.text, f"{at}.input_audio."))
    elif kind == "file":
        image = _file(checks.required(part, "file", checks.mapping, f"{at}."), f"{at}.file.")
    else:
        return Foreign(kind, part, cache=cache, at=at)
    image.cache, image.at = cache, f"{at}.{kind}"
    return image


def _image(image: Json, at: str) -> Part:
    url = checks.required(image, "url", checks.text, at)
    detail = checks.optional(image, "detail", checks.text, at) or ""
    inline = checks.data_url(url)
    if inline is not None:
        return Image(media_type=inline[0], data=inline[1], detail=detail)
    return Image(url=url, detail=detail)


def _file(file: Json, at: str) -> Part:
    name = checks.optional(file, "filename", checks.text, at) or ""
    identity = checks.optional(file, "file_id", checks.text, at)
    if identity:
        return Document(file_id=identity, name=name)
    return read_file_data(checks.required(file, "file_data", checks.text, at), name)


def read_file_data(data: str, name: str) -> Document:
    """OpenAI takes a `data:` URL, and bare base64 of a PDF."""
    inline = checks.data_url(data)
    kind, data = inline if inline is not None else ("application/pdf", data)
    return Document(media_type=kind, data=data, name=name)


# ---- tools and output ------------------------------------------------------------------------------------------------
def _read_tools(prompt: Prompt, fields: Mapping[str, Any]) -> None:
    for index, value in enumerate(checks.optional(fields, "tools", checks.listing) or []):
        prompt.tools.append(_tool(checks.mapping(value, at := f"tools[{index}]"), at, prompt.extra))
    for index, value in enumerate(checks.optional(fields, "functions", checks.listing) or []):
        at = f"functions[{index}]"
        prompt.tools.append(read_function(checks.mapping(value, at), at, prompt.extra))
    prompt.parallel_tool_calls = checks.optional(fields, "parallel_tool_calls", checks.boolean)
    choice, former = fields.get("tool_choice"), fields.get("function_call")
    if choice is not None:
        prompt.tool_choice = read_choice(choice, "tool_choice", prompt.extra)
    elif former is not None:
        is_name = isinstance(former, dict)
        prompt.tool_choice = read_choice({"type": "function", "function": former} if is_name else former,
                                         "function_call", prompt.extra)  # fmt: skip


def _tool(tool: Json, at: str, extra: Json) -> Tool | HostedTool:
    kind = checks.required(tool, "type", checks.text, f"{at}.")
    if kind != "function":
        return HostedTool(kind, tool, at=f"{at}.type")
    checks.leftovers(tool, ("type", "function", "cache_control"), f"{at}.", extra)
    found = read_function(checks.required(tool, "function", checks.mapping, f"{at}."), f"{at}.function", extra)
    found.cache = checks.cache_mark(tool.get("cache_control"), f"{at}.cache_control")
    found.at = at
    return found


def read_function(function: Json, at: str, extra: Json) -> Tool:
    """`{name, description, parameters, strict}` with any further fields noted."""
    checks.leftovers(function, ("type", "name", "description", "parameters", "strict"), f"{at}.", extra)
    return Tool(
        checks.required(function, "name", checks.text, f"{at}."),
        checks.optional(function, "description", checks.text, f"{at}.") or "",
        checks.optional(function, "parameters", checks.mapping, f"{at}."),
        checks.optional(function, "strict", checks.boolean, f"{at}."),
        at=at,
    )


def read_choice(choice: object, at: str, extra: Json) -> ToolChoice | None:
    """A mode, one function, or a subset of the tools; choices of hosted tools are noted as unknown."""
    if choice == "auto":
        return ToolChoice("auto")
    if choice == "none":
        return ToolChoice("none")
    if choice == "required":
        return ToolChoice("required")
    named = checks.mapping(choice, at)
    kind = named.get("type")
    if kind == "function":
        function = named.get("function", named)
        return ToolChoice("one", checks.required(checks.mapping(function, at), "name", checks.text, f"{at}."))
    if kind == "allowed_tools":
        return _allowed(checks.mapping(named.get("allowed_tools", named), at), at)
    extra[at] = choice
    return None


def _allowed(allowed: Json, at: str) -> ToolChoice:
    names = []
    for index, value in enumerate(checks.required(allowed, "tools", checks.listing, f"{at}.")):
        tool = checks.mapping(value, place := f"{at}.tools[{index}]")
        names.append(checks.required(checks.mapping(tool.get("function", tool), place), "name", checks.text, place))
    mode = allowed.get("mode")
    if mode not in ("auto", "required"):
        raise Malformed(f"{at}.mode", "must be 'auto' or 'required'")
    return ToolChoice("required" if mode == "required" else "auto", names=tuple(names))


def _output(fields: Mapping[str, Any]) -> OutputFormat | None:
    given = checks.optional(fields, "response_format", checks.mapping)
    if given is None or given.get("type") == "text":
        return None
    if given.get("type") == "json_object":
        return OutputFormat("json")
    if given.get("type") == "json_schema":
        at = "response_format.json_schema"
        return read_schema(checks.required(given, "json_schema", checks.mapping, "response_format."), at)
    raise Malformed("response_format.type", "must be 'text', 'json_object' or 'json_schema'")


def read_schema(given: Json, at: str) -> OutputFormat:
    return OutputFormat(
        "schema",
        checks.required(given, "name", checks.text, f"{at}."),
        checks.optional(given, "schema", checks.mapping, f"{at}."),
        checks.optional(given, "strict", checks.boolean, f"{at}."),
        checks.optional(given, "description", checks.text, f"{at}.") or "",
    )
