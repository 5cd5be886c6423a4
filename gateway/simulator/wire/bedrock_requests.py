"""Converse requests → `calls`. Unknown fields are ignored, as the service does.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from gateway.simulator.calls import ChatCall, ProviderError, Tool
from gateway.simulator.prefix_cache import MARKED_1H_S, MARKED_5M_S
from gateway.simulator.tokens import split_tokens

IMAGE_TOKENS = 1_000
DOCUMENT_TOKENS = 1_500
THINKING_MEDIAN = 300.0
MAX_CACHE_POINTS = 4
_DECIDING = ("messages", "system", "toolConfig", "outputConfig", "additionalModelRequestFields")
_LIVES_S = {None: MARKED_5M_S, "5m": MARKED_5M_S, "1h": MARKED_1H_S}


@dataclass(slots=True)
class _Prompt:
    """Tokens in the order the model reads them, where each block ends, and the cache points."""

    tokens: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)

    def add(self, tokens: list[str]) -> None:
        self.tokens += tokens
        self.ends.append(len(self.tokens))

    def mark(self, point: dict[str, Any]) -> None:
        """A `cachePoint` block: everything before it is to be cached."""
        if point.get("type") != "default" or point.get("ttl") not in _LIVES_S:
            raise _invalid("The model returned the following errors: cachePoint: type must be default, ttl 5m or 1h")
        if len(self.marks) == MAX_CACHE_POINTS:
            raise _invalid("The maximum number of cache points is 4.")
        if self.ends:
            self.marks.append((self.ends[-1], _LIVES_S[point.get("ttl")]))


def _invalid(message: str) -> ProviderError:
    return ProviderError(400, message)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ProviderError(400, "Unable to parse the request body.", code="SerializationException") from None
    if not isinstance(value, dict):
        raise ProviderError(400, "Unexpected value type in payload", code="SerializationException")
    return value


def parse_converse(payload: dict[str, Any], model: str) -> ChatCall:
    """A Converse request to `model`."""
    messages = payload.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _invalid("The value at messages is empty. Provide a value and try your request again.")
    config = _object(payload.get("inferenceConfig"))
    tools = _tools(payload.get("toolConfig"))
    prompt = _read_prompt(payload, messages)
    median, budget = _thinking(payload.get("additionalModelRequestFields"))
    deciding = [model, *(payload.get(name) for name in _DECIDING)]
    tier = _object(payload.get("serviceTier")).get("type")
    return ChatCall(
        model=model,
        digest=blake2b(orjson.dumps(deciding, option=orjson.OPT_SORT_KEYS), digest_size=16).digest(),
        prompt=prompt.tokens,
        last_user_text=_last_user_text(messages),
        after_tool=any("toolResult" in block for block in messages[-1].get("content") or ()),
        max_tokens=_max_tokens(config),
        stop=_stop(config.get("stopSequences")),
        tools=tools,
        must_call=_must_call(payload.get("toolConfig"), tools),
        json_schema=_json_schema(payload.get("outputConfig")),
        reasoning_median=median,
        reasoning_limit=budget,
        show_reasoning=True,
        service_tier=tier if isinstance(tier, str) else "default",
        block_ends=tuple(prompt.ends),
        cache_points=tuple(prompt.marks),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _max_tokens(config: dict[str, Any]) -> int | None:
    limit = config.get("maxTokens")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise _invalid("1 validation error detected: inferenceConfig.maxTokens must be greater than or equal to 1")
    return limit


def _stop(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(item, str) and item for item in given):
        raise _invalid("1 validation error detected: inferenceConfig.stopSequences must be a list of strings")
    return tuple(given)


def _thinking(fields: Any) -> tuple[float | None, int | None]:
    """Anthropic's `thinking` object, which Bedrock passes on to the model."""
    thinking = _object(_object(fields).get("thinking"))
    if thinking.get("type") not in ("enabled", "adaptive"):
        return None, None
    budget = thinking.get("budget_tokens")
    return THINKING_MEDIAN, budget if type(budget) is int else None


def _tools(config: Any) -> tuple[Tool, ...]:
    if config is None:
        return ()
    given = _object(config).get("tools")
    if not isinstance(given, list) or not given:
        raise _invalid("The value at toolConfig.tools is empty. Provide a value and try your request again.")
    tools = []
    for index, item in enumerate(given):
        if "cachePoint" in _object(item):
            continue
        spec = _object(_object(item).get("toolSpec"))
        schema = _object(spec.get("inputSchema")).get("json")
        if not isinstance(spec.get("name"), str) or not isinstance(schema, dict):
            raise _invalid(f"The format of the value at toolConfig.tools.{index}.toolSpec is invalid.")
        tools.append(Tool(spec["name"], schema))
    return tuple(tools)


def _must_call(config: Any, tools: tuple[Tool, ...]) -> str:
    """`toolChoice` → "auto", "required" or a tool's name; Converse has no "none"."""
    choice = _object(_object(config).get("toolChoice"))
    if "any" in choice:
        return "required"
    if "tool" in choice:
        name = _object(choice["tool"]).get("name")
        if name not in {tool.name for tool in tools}:
            raise _invalid("The value at toolConfig.toolChoice.tool.name does not name a tool.")
        return str(name)
    return "auto"


def _json_schema(config: Any) -> dict[str, Any] | None:
    wanted = _object(_object(config).get("textFormat"))
    if not wanted:
        return None
    text = _object(_object(wanted.get("structure")).get("jsonSchema")).get("schema")
    try:
        schema = orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        schema = None
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        raise _invalid("The value at outputConfig.textFormat is not a JSON schema.")
    return schema


def _read_prompt(payload: dict[str, Any], messages: list[Any]) -> _Prompt:
    """Tools, then system, then messages (3 tokens more each), then 3 that open the answer."""
    prompt = _Prompt()
    for item in _object(payload.get("toolConfig")).get("tools") or ():
        if "cachePoint" in item:
            prompt.mark(_object(item["cachePoint"]))
        else:
            prompt.add(split_tokens(orjson.dumps(item).decode()))
    for block in payload.get("system") or ():
        if "cachePoint" in block:
            prompt.mark(_object(block["cachePoint"]))
        else:
            prompt.add(split_tokens(str(block.get("text"))))
    for index, message in enumerate(messages):
        _read_message(prompt, message, index)
    prompt.tokens += ["<|start|>", "assistant", "<|message|>"]
    return prompt


def _read_message(prompt: _Prompt, message: Any, index: int) -> None:
    role = _object(message).get("role")
    if role not in ("user", "assistant"):
        raise _invalid(f"1 validation error detected: messages.{index}.role must be one of user, assistant")
    content = message.get("content")
    if not isinstance(content, list) or not content:
        raise _invalid(f"The content field in the Message object at messages.{index} is empty.")
    if index == 0 and role != "user":
        raise _invalid("A conversation must start with a user message.")
    head = ["<|start|>", str(role), "<|message|>"]
    for number, block in enumerate(content):
        if "cachePoint" in _object(block):
            prompt.mark(_object(block["cachePoint"]))
            continue
        prompt.add(head + _block_tokens(_object(block), f"messages.{index}.content.{number}"))
        head = []


def _block_tokens(block: dict[str, Any], where: str) -> list[str]:
    if isinstance(block.get("text"), str):
        if not block["text"].strip():
            raise _invalid(f"The text field in the ContentBlock object at {where} is blank.")
        return split_tokens(block["text"])
    if isinstance(image := block.get("image"), dict):
        if image.get("format") not in ("png", "jpeg", "gif", "webp") or not _object(image.get("source")):
            raise _invalid(f"The value at {where}.image is invalid.")
        return ["<|image|>"] * IMAGE_TOKENS
    if isinstance(document := block.get("document"), dict):
        if not document.get("name"):
            raise _invalid(f"The value at {where}.document.name is empty.")
        return ["<|document|>"] * DOCUMENT_TOKENS
    if isinstance(made := block.get("toolUse"), dict):
        if not isinstance(made.get("input"), dict) or not made.get("toolUseId"):
            raise _invalid(f"The format of the value at {where}.toolUse.input is invalid. Provide a json object.")
        return split_tokens(f"{made.get('name')} {orjson.dumps(made['input']).decode()}")
    if isinstance(result := block.get("toolResult"), dict):
        return _result_tokens(result, where)
    if "reasoningContent" in block:
        return []
    raise _invalid(f"The value at {where} does not set exactly one member of ContentBlock.")


def _result_tokens(result: dict[str, Any], where: str) -> list[str]:
    if not result.get("toolUseId") or not isinstance(result.get("content"), list):
        raise _invalid(f"The value at {where}.toolResult is invalid.")
    tokens = []
    for item in result["content"]:
        text = item.get("text") if "text" in item else orjson.dumps(item.get("json")).decode()
        tokens += split_tokens(str(text))
    return tokens


def _last_user_text(messages: list[Any]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user":
            texts = [block["text"] for block in message["content"] if isinstance(block.get("text"), str)]
            if texts:
                return " ".join(texts)
    return ""
