"""OpenAI requests → `calls`. Unknown fields are ignored; wrong ones raise `ProviderError` as the vendor words it.

Source: https://platform.openai.com/docs/api-reference/chat/create and …/embeddings/create.
"""

from hashlib import blake2b
from typing import Any

import orjson

from gateway.simulator.calls import ChatCall, EmbeddingCall, ProviderError, Tool
from gateway.simulator.tokens import split_tokens

MAX_EMBEDDING_INPUTS = 2_048
IMAGE_TOKENS = {"low": 85}
IMAGE_TOKENS_DEFAULT = 765
TIERS = {"flex", "priority", "scale"}
_BAD_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ProviderError(400, _BAD_JSON) from None
    if not isinstance(value, dict):
        raise ProviderError(400, "Invalid type for request body: expected an object.")
    return value


def parse_chat(payload: dict[str, Any]) -> ChatCall:
    """A chat completion request; `digest` covers what decides the answer, not how it is delivered."""
    messages = payload.get("messages")
    if not isinstance(messages, list):
        raise invalid("messages", "an array of objects", messages)
    if not messages:
        raise ProviderError(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    deciding = [payload.get(name) for name in ("model", "messages", "tools", "tool_choice", "response_format", "seed")]
    tools = chat_tools(payload)
    limit_name = "max_completion_tokens" if payload.get("max_completion_tokens") is not None else "max_tokens"
    last = messages[-1]
    call = ChatCall(
        model=model_name(payload),
        digest=blake2b(orjson.dumps(deciding, option=orjson.OPT_SORT_KEYS), digest_size=16).digest(),
        prompt=prompt_tokens(messages, payload.get("tools")),
        last_user_text=last_user_text(messages),
        after_tool=isinstance(last, dict) and last.get("role") == "tool",
        max_tokens=whole(payload, limit_name, least=1),
        n=whole(payload, "n", least=1, most=128) or 1,
        stop=stop_sequences(payload.get("stop")),
        tools=tools,
        must_call=must_call(payload.get("tool_choice"), tools),
        parallel_tools=payload.get("parallel_tool_calls") is not False,
        json_schema=json_schema(payload, messages),
        effort=str(payload.get("reasoning_effort") or "medium"),
        stream=payload.get("stream") is True,
        service_tier=tier if (tier := payload.get("service_tier")) in TIERS else "default",
    )
    if payload.get("logprobs") is True:
        call.top_logprobs = whole(payload, "top_logprobs", least=0, most=20) or 0
    options = payload.get("stream_options")
    if options is not None and not call.stream:
        raise ProviderError(
            400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    call.include_usage = isinstance(options, dict) and options.get("include_usage") is True
    return call


def parse_embedding(payload: dict[str, Any]) -> EmbeddingCall:
    """An embeddings request; each input (text or token ids) becomes a list of words."""
    given = payload.get("input")
    encoding = payload.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise invalid("encoding_format", "one of 'float' or 'base64'", encoding)
    inputs = _embedding_inputs(given)
    if not inputs or len(inputs) > MAX_EMBEDDING_INPUTS or not all(inputs):
        raise ProviderError(
            400,
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
            param="input",
        )
    return EmbeddingCall(model_name(payload), inputs, whole(payload, "dimensions", least=1), encoding == "base64")


def _embedding_inputs(given: Any) -> list[list[str]]:
    if isinstance(given, str):
        return [split_tokens(given)]
    if not isinstance(given, list):
        raise invalid("input", "a string, an array of strings or arrays of tokens", given)
    if given and all(type(item) is int for item in given):
        return [[str(item) for item in given]]
    inputs = []
    for item in given:
        if isinstance(item, str):
            inputs.append(split_tokens(item))
        elif isinstance(item, list) and all(type(token) is int for token in item):
            inputs.append([str(token) for token in item])
        else:
            raise invalid("input", "a string, an array of strings or arrays of tokens", item)
    return inputs


def invalid(param: str, expected: str, got: Any) -> ProviderError:
    """The vendor's wording for a value of the wrong type."""
    name = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    kind = "null" if got is None else name.get(type(got), "unknown")
    message = f"Invalid type for '{param}': expected {expected}, but got {kind} instead."
    return ProviderError(400, message, param=param, code="invalid_type")


def model_name(payload: dict[str, Any]) -> str:
    model = payload.get("model")
    if not model:
        raise ProviderError(400, "you must provide a model parameter")
    if not isinstance(model, str):
        raise invalid("model", "a string", model)
    return model


def whole(payload: dict[str, Any], name: str, *, least: int, most: int | None = None) -> int | None:
    value = payload.get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise invalid(name, "an integer", value)
    if value < least:
        raise ProviderError(
            400,
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead.",
            param=name,
            code="integer_below_min_value",
        )
    if most is not None and value > most:
        raise ProviderError(
            400,
            f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got {value} instead.",
            param=name,
            code="integer_above_max_value",
        )
    return value


def stop_sequences(stop: Any) -> tuple[str, ...]:
    if stop is None:
        return ()
    values = [stop] if isinstance(stop, str) else stop
    if not isinstance(values, list) or len(values) > 4 or not all(isinstance(item, str) and item for item in values):
        raise invalid("stop", "a string or an array of at most 4 strings", stop)
    return tuple(values)


def chat_tools(payload: dict[str, Any]) -> tuple[Tool, ...]:
    given = payload.get("tools")
    if given is None:
        return ()
    if not isinstance(given, list):
        raise invalid("tools", "an array of objects", given)
    tools = []
    for index, item in enumerate(given):
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ProviderError(
                400,
                f"Missing required parameter: 'tools[{index}].function.name'.",
                param=f"tools[{index}].function.name",
                code="missing_required_parameter",
            )
        schema = function.get("parameters")
        tools.append(Tool(function["name"], schema if isinstance(schema, dict) else {"type": "object"}))
    return tuple(tools)


def must_call(choice: Any, tools: tuple[Tool, ...]) -> str:
    """`tool_choice` → "auto", "none", "required" or a tool's name."""
    if choice is None:
        return "auto"
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        if name not in {tool.name for tool in tools}:
            raise ProviderError(400, f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
        return str(name)
    if choice not in ("auto", "none", "required"):
        raise invalid("tool_choice", "one of 'none', 'auto', 'required' or an object", choice)
    if choice == "required" and not tools:
        raise ProviderError(
            400,
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            param="tool_choice",
        )
    return str(choice)


def json_schema(payload: dict[str, Any], messages: list[Any]) -> dict[str, Any] | None:
    """`response_format` → schema, `{}` for any object, `None` for text."""
    wanted = payload.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") in (None, "text"):
        return None
    if wanted["type"] == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema")
        return schema if isinstance(schema, dict) else {}
    if wanted["type"] != "json_object":
        raise ProviderError(
            400,
            f"Invalid value: '{wanted['type']}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            param="response_format.type",
        )
    if b"json" not in orjson.dumps(messages).lower():
        raise ProviderError(
            400,
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            param="messages",
        )
    return {}


def prompt_tokens(messages: list[Any], tools: Any) -> list[str]:
    """What the model reads: tools first, then 3 tokens + content per message, then 3 that open the answer."""
    tokens = split_tokens(orjson.dumps(tools).decode()) if tools else []
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ProviderError(
                400,
                f"Missing required parameter: 'messages[{index}].role'.",
                param=f"messages[{index}].role",
                code="missing_required_parameter",
            )
        tokens += ["<|start|>", message["role"], "<|message|>"]
        tokens += content_tokens(message.get("content"), f"messages[{index}].content")
        if message.get("tool_calls"):
            tokens += split_tokens(orjson.dumps(message["tool_calls"]).decode())
        if message.get("name"):
            tokens.append(str(message["name"]))
    return [*tokens, "<|start|>", "assistant", "<|message|>"]


def content_tokens(content: Any, param: str) -> list[str]:
    if isinstance(content, str):
        return split_tokens(content)
    if content is None:
        return []
    if not isinstance(content, list):
        raise invalid(param, "one of a string or array of objects", content)
    tokens: list[str] = []
    for part in content:
        if not isinstance(part, dict):
            raise invalid(param, "an array of objects", part)
        if part.get("type") == "image_url":
            image = part.get("image_url")
            detail = image.get("detail") if isinstance(image, dict) else None
            tokens += ["<|image|>"] * IMAGE_TOKENS.get(str(detail), IMAGE_TOKENS_DEFAULT)
        else:
            text = part.get("text")
            tokens += split_tokens(text if isinstance(text, str) else orjson.dumps(part).decode())
    return tokens


def last_user_text(messages: list[Any]) -> str:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
            return content if isinstance(content, str) else ""
    return ""
