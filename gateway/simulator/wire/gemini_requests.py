"""Gemini requests → `calls`. Unknown fields are refused, as Google's JSON reader does at the top.

Source: https://ai.google.dev/api/generate-content, …/api/caching (Content, Part, Tool, ToolConfig) and
https://ai.google.dev/gemini-api/docs/thinking.
"""

import re
from hashlib import blake2b
from typing import Any

import orjson

from gateway.simulator.calls import ChatCall, ProviderError, Tool
from gateway.simulator.tokens import split_tokens

IMAGE_TOKENS = 258
THINKING_MEDIAN = 240.0
_TOP = frozenset(
    {
        "model", "contents", "tools", "toolConfig", "safetySettings", "systemInstruction", "generationConfig",
        "cachedContent", "labels", "serviceTier", "store",
    }
)  # fmt: skip
_DECIDING = ("contents", "systemInstruction", "tools", "toolConfig", "generationConfig")
_EFFORT_OF_LEVEL = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}
_THINKS = re.compile(r"^gemini-(2\.5|[3-9])")
_NEEDS_SIGNATURES = re.compile(r"^gemini-[3-9]")


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; lower_snake_case names are accepted, as protobuf's JSON mapping does at the top."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ProviderError(400, "Invalid JSON payload received. Unexpected end of string.") from None
    if not isinstance(value, dict):
        raise ProviderError(400, "Invalid JSON payload received.")
    return {_camel(name): item for name, item in value.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def parse_generate(payload: dict[str, Any], model: str) -> ChatCall:
    """A generateContent request."""
    if unknown := set(payload) - _TOP:
        name = sorted(unknown)[0]
        raise ProviderError(400, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    contents = payload.get("contents")
    if not isinstance(contents, list) or not contents:
        raise ProviderError(400, "* GenerateContentRequest.contents: contents is not specified")
    config = _object(payload.get("generationConfig"), "generation_config")
    tools = _tools(payload.get("tools"))
    median, budget, effort = _thinking(config, model)
    last = contents[-1]
    prompt = _prompt(payload, contents, model)
    return ChatCall(
        model=model,
        digest=_digest(payload, model),
        prompt=prompt,
        last_user_text=_last_user_text(contents),
        after_tool=any("functionResponse" in part for part in last.get("parts") or ()),
        max_tokens=_whole(config, "maxOutputTokens", least=1),
        n=_whole(config, "candidateCount", least=1, most=8) or 1,
        stop=_stop(config.get("stopSequences")),
        tools=tools,
        must_call=_must_call(payload.get("toolConfig"), tools),
        json_schema=_json_schema(config),
        effort=effort,
        reasoning_median=median,
        reasoning_limit=budget,
        show_reasoning=_object(config.get("thinkingConfig"), "thinking_config").get("includeThoughts") is True,
    )


def _digest(payload: dict[str, Any], model: str) -> bytes:
    deciding = [model, *(payload.get(name) for name in _DECIDING)]
    return blake2b(orjson.dumps(deciding, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _object(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProviderError(400, f"Invalid value at '{where}': expected an object.")
    return value


def _whole(config: dict[str, Any], name: str, *, least: int, most: int | None = None) -> int | None:
    value = config.get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise ProviderError(400, f"Invalid value at 'generation_config.{name}' (TYPE_INT32), {orjson.dumps(value)!r}")
    if value < least or (most is not None and value > most):
        bounds = f">= {least}" if most is None else f"in [{least}, {most}]"
        raise ProviderError(400, f"* GenerateContentRequest.generation_config.{name}: must be {bounds}")
    return value


def _stop(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > 5 or not all(isinstance(item, str) and item for item in given):
        raise ProviderError(400, "* GenerateContentRequest.generation_config.stop_sequences: at most 5 strings")
    return tuple(given)


def _thinking(config: dict[str, Any], model: str) -> tuple[float, int | None, str]:
    """Median, upper bound and effort: models from 2.5 on think unless told not to."""
    thinking = _object(config.get("thinkingConfig"), "thinking_config")
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    if budget is not None and level is not None:
        raise ProviderError(400, "You can only set one of thinking budget and thinking level.")
    if budget is not None and type(budget) is not int:
        raise ProviderError(400, "Invalid value at 'generation_config.thinking_config.thinking_budget' (TYPE_INT32)")
    if level is not None and str(level).upper() not in _EFFORT_OF_LEVEL:
        raise ProviderError(400, "Invalid value at 'generation_config.thinking_config.thinking_level'")
    effort = _EFFORT_OF_LEVEL[str(level).upper()] if level is not None else "medium"
    median = THINKING_MEDIAN if _THINKS.match(model) or thinking else 0.0
    if budget == 0:
        return 0.0, None, effort
    return median, budget if budget is not None and budget > 0 else None, effort


def _tools(given: Any) -> tuple[Tool, ...]:
    """Function declarations; Google's own tools are accepted and never called."""
    if given is None:
        return ()
    if not isinstance(given, list):
        raise ProviderError(400, "Invalid value at 'tools': expected a list.")
    declared = [
        item for tool in given for item in _object(tool, "tools").get("functionDeclarations") or () if item is not None
    ]
    tools = []
    for item in declared:
        if not isinstance(item, dict) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,127}", str(item.get("name"))):
            message = (
                "* GenerateContentRequest.tools[0].function_declarations[0].name: Invalid function name. Must start "
                "with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons "
                "(:), or dashes (-), with a maximum length of 128."
            )
            raise ProviderError(400, message)
        schema = item.get("parametersJsonSchema") or _plain_schema(item.get("parameters"))
        tools.append(Tool(item["name"], schema if isinstance(schema, dict) else {"type": "object"}))
    return tuple(tools)


def _plain_schema(schema: Any) -> Any:
    """OpenAPI's type names (`STRING`) → JSON Schema's."""
    if isinstance(schema, list):
        return [_plain_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain_schema(item) for name, item in schema.items()}
    if isinstance(plain.get("type"), str):
        plain["type"] = plain["type"].lower()
    return plain


def _must_call(config: Any, tools: tuple[Tool, ...]) -> str:
    """`functionCallingConfig` → "auto", "none", "required" or a tool's name."""
    calling = _object(_object(config, "tool_config").get("functionCallingConfig"), "function_calling_config")
    mode = str(calling.get("mode") or "AUTO").upper()
    allowed = calling.get("allowedFunctionNames") or []
    known = {tool.name for tool in tools}
    if mode not in ("AUTO", "ANY", "NONE", "VALIDATED"):
        raise ProviderError(400, "Invalid value at 'tool_config.function_calling_config.mode'")
    if allowed and mode not in ("ANY", "VALIDATED"):
        message = "Function calling config is set without function_declarations or with a mode other than ANY."
        raise ProviderError(400, message)
    if missing := set(allowed) - known:
        raise ProviderError(400, f"Allowed function name {sorted(missing)[0]} is not a declared function.")
    if mode == "ANY":
        return str(allowed[0]) if len(allowed) == 1 else "required"
    return "none" if mode == "NONE" else "auto"


def _json_schema(config: dict[str, Any]) -> dict[str, Any] | None:
    schema = config.get("responseJsonSchema") or _plain_schema(config.get("responseSchema"))
    if config.get("responseMimeType") != "application/json":
        if schema is not None:
            message = (
                "* GenerateContentRequest.generation_config.response_schema: only allowed when response_mime_type is "
                "application/json"
            )
            raise ProviderError(400, message)
        return None
    return schema if isinstance(schema, dict) else {}


def _prompt(payload: dict[str, Any], contents: list[Any], model: str) -> list[str]:
    """Tools, system instruction, then 3 tokens and the parts of each content, then 3 that open the answer."""
    tokens = split_tokens(orjson.dumps(payload["tools"]).decode()) if payload.get("tools") else []
    system = payload.get("systemInstruction")
    if system is not None:
        tokens += _parts(_object(system, "system_instruction"), "system_instruction", model)
    for index, content in enumerate(contents):
        where = f"contents[{index}]"
        content = _object(content, where)
        role = content.get("role")
        if role not in (None, "user", "model", "function"):
            raise ProviderError(400, "Please use a valid role: user, model.")
        tokens += ["<|start|>", str(role or "user"), "<|message|>"]
        tokens += _parts(content, where, model)
    return [*tokens, "<|start|>", "model", "<|message|>"]


def _parts(content: dict[str, Any], where: str, model: str) -> list[str]:
    parts = content.get("parts")
    if isinstance(parts, dict):
        parts = [parts]
    if not isinstance(parts, list) or not parts:
        raise ProviderError(400, f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.")
    tokens: list[str] = []
    called = False
    for number, part in enumerate(parts):
        tokens += _part(_object(part, f"{where}.parts[{number}]"), f"{where}.parts[{number}]")
        if "functionCall" in part and not called:
            called = True
            if _NEEDS_SIGNATURES.match(model) and not part.get("thoughtSignature"):
                message = f"Function call is missing a thought_signature in functionCall parts, {where}."
                raise ProviderError(400, message)
    return tokens


def _part(part: dict[str, Any], where: str) -> list[str]:
    if isinstance(part.get("text"), str):
        return [] if part.get("thought") is True else split_tokens(part["text"])
    if isinstance(blob := part.get("inlineData"), dict):
        if not blob.get("mimeType") or not isinstance(blob.get("data"), str):
            raise ProviderError(400, f"* GenerateContentRequest.{where}.inline_data: mime type and data are required")
        return ["<|blob|>"] * IMAGE_TOKENS
    if isinstance(part.get("fileData"), dict):
        return ["<|file|>"] * IMAGE_TOKENS
    if isinstance(made := part.get("functionCall"), dict):
        return split_tokens(f"{made.get('name')} {orjson.dumps(made.get('args') or {}).decode()}")
    if isinstance(answer := part.get("functionResponse"), dict):
        if not answer.get("name"):
            raise ProviderError(400, f"* GenerateContentRequest.{where}.function_response.name: Name cannot be empty.")
        return split_tokens(orjson.dumps(answer.get("response")).decode())
    raise ProviderError(400, f"* GenerateContentRequest.{where}.data: required oneof field 'data' must have one field.")


def _last_user_text(contents: list[Any]) -> str:
    for content in reversed(contents):
        parts = content.get("parts")
        if content.get("role") in (None, "user") and isinstance(parts, list):
            texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
            if texts:
                return " ".join(texts)
    return ""


def embedding_words(payload: dict[str, Any]) -> list[str]:
    """The words of an embedContent request."""
    content = _object(payload.get("content"), "content")
    parts = content.get("parts")
    texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    words = [word for text in texts if isinstance(text, str) for word in split_tokens(text)]
    if not words:
        raise ProviderError(400, "* EmbedContentRequest.content: contents is not specified")
    return words
