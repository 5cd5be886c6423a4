"""OpenAI's Responses API: requests → `calls`.

Source: https://platform.openai.com/docs/api-reference/responses/create. Responses are not stored, so
`previous_response_id` and `conversation` name nothing.
"""

from hashlib import blake2b
from typing import Any

import orjson

from gateway.simulator.calls import ChatCall, ProviderError, Tool
from gateway.simulator.request_log import Outcome
from gateway.simulator.tokens import split_tokens
from gateway.simulator.turn import Turn
from gateway.simulator.wire import openai_items_out as out
from gateway.simulator.wire import openai_requests as requests
from gateway.simulator.wire.openai_models import check_length, require_model
from gateway.simulator.wire.talking import answer_call, stream, visible_s

_DECIDING = ("model", "input", "instructions", "tools", "tool_choice", "text", "reasoning")


async def respond(turn: Turn) -> Outcome:
    """`POST /v1/responses`, streamed or whole."""
    payload = requests.read_object(turn.exchange.body)
    call = parse(payload)
    model = require_model(call.model, "chat", any_model=turn.options.any_model)
    check_length(model, len(call.prompt), "input")
    answer, delivery = answer_call(turn, model, call)
    turn.record.usage = out.usage_object(answer.usage)
    report_usage = turn.fault_kind != "no-usage"
    if call.stream:
        delivery.error_event = out.error_event("server_error", "The server had an error processing your request.")
        frames = out.response_frames(call, answer, payload, report_usage=report_usage)
        return await stream(answer, delivery, turn.record, frames, out.usage_object)
    body = out.response_object(call, answer, payload, report_usage=report_usage)
    await delivery.send_body(orjson.dumps(body), after_s=visible_s(call, answer, delivery))
    return delivery.outcome


def parse(payload: dict[str, Any]) -> ChatCall:
    """A model response request."""
    model = requests.model_name(payload)
    _refuse_stored(payload)
    items = _items(payload.get("input"))
    tools = _tools(payload.get("tools"))
    reasoning = payload.get("reasoning") if isinstance(payload.get("reasoning"), dict) else {}
    assert isinstance(reasoning, dict)
    deciding = [payload.get(name) for name in _DECIDING]
    last = items[-1]
    return ChatCall(
        model=model,
        digest=blake2b(orjson.dumps(deciding, option=orjson.OPT_SORT_KEYS), digest_size=16).digest(),
        prompt=_prompt(payload, items),
        last_user_text=requests.last_user_text(items),
        after_tool=last.get("type") == "function_call_output",
        max_tokens=requests.whole(payload, "max_output_tokens", least=16),
        tools=tools,
        must_call=_must_call(payload.get("tool_choice"), tools),
        parallel_tools=payload.get("parallel_tool_calls") is not False,
        json_schema=_json_schema(payload.get("text"), items),
        effort=str(reasoning.get("effort") or "medium"),
        stream=payload.get("stream") is True,
        service_tier=tier if (tier := payload.get("service_tier")) in requests.TIERS else "default",
        show_reasoning=bool(reasoning.get("summary")),
    )


def _refuse_stored(payload: dict[str, Any]) -> None:
    if previous := payload.get("previous_response_id"):
        message = f"Previous response with id '{previous}' not found."
        raise ProviderError(400, message, param="previous_response_id", code="previous_response_not_found")
    if conversation := payload.get("conversation"):
        name = conversation.get("id") if isinstance(conversation, dict) else conversation
        raise ProviderError(404, f"Conversation with id '{name}' not found.", param="conversation")


def _items(given: Any) -> list[dict[str, Any]]:
    """Input items; a text is one message of the user."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if given is None:
        message = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided."
        raise ProviderError(400, message, code="missing_required_parameter")
    if not isinstance(given, list) or not given:
        raise requests.invalid("input", "one of a string or array of objects", given)
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            raise requests.invalid(f"input[{index}]", "an object", item)
        _check_item(item, index)
    return given


def _check_item(item: dict[str, Any], index: int) -> None:
    kind = item.get("type") or "message"
    needed = {
        "message": ("role", "content"),
        "function_call": ("call_id", "name", "arguments"),
        "function_call_output": ("call_id", "output"),
        "reasoning": ("summary",),
    }.get(kind)
    if needed is None:
        message = f"Invalid value: '{kind}'. This simulator takes messages, function calls and reasoning."
        raise ProviderError(400, message, param=f"input[{index}].type", code="invalid_value")
    for name in needed:
        if name not in item:
            param = f"input[{index}].{name}"
            message = f"Missing required parameter: '{param}'."
            raise ProviderError(400, message, param=param, code="missing_required_parameter")


def _prompt(payload: dict[str, Any], items: list[dict[str, Any]]) -> list[str]:
    """Tools, instructions, then each item; counted as chat messages are."""
    tokens = split_tokens(orjson.dumps(payload["tools"]).decode()) if payload.get("tools") else []
    if isinstance(instructions := payload.get("instructions"), str):
        tokens += ["<|start|>", "developer", "<|message|>", *split_tokens(instructions)]
    for index, item in enumerate(items):
        tokens += ["<|start|>", str(item.get("role", item.get("type"))), "<|message|>"]
        tokens += _item_tokens(item, f"input[{index}].content")
    return [*tokens, "<|start|>", "assistant", "<|message|>"]


def _item_tokens(item: dict[str, Any], param: str) -> list[str]:
    kind = item.get("type") or "message"
    if kind == "function_call":
        return split_tokens(f"{item['name']} {item['arguments']}")
    if kind == "function_call_output":
        output = item["output"]
        return split_tokens(output) if isinstance(output, str) else _content(output, param)
    if kind == "reasoning":
        return []
    return _content(item["content"], param)


def _content(content: Any, param: str) -> list[str]:
    """Text and image parts; an image costs what it costs in a chat."""
    if not isinstance(content, list):
        return requests.content_tokens(content, param)
    parts = []
    for part in content:
        if isinstance(part, dict) and part.get("type") == "input_image":
            parts.append({"type": "image_url", "image_url": {"detail": part.get("detail")}})
        else:
            parts.append(part)
    return requests.content_tokens(parts, param)


def _tools(given: Any) -> tuple[Tool, ...]:
    """Function tools; tools that the vendor runs itself are accepted and never called."""
    if given is None:
        return ()
    if not isinstance(given, list):
        raise requests.invalid("tools", "an array of objects", given)
    tools = []
    for index, item in enumerate(given):
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            param = f"tools[{index}].type"
            raise ProviderError(
                400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
            )
        if item["type"] != "function":
            continue
        if not isinstance(item.get("name"), str):
            param = f"tools[{index}].name"
            raise ProviderError(
                400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
            )
        schema = item.get("parameters")
        tools.append(Tool(item["name"], schema if isinstance(schema, dict) else {"type": "object"}))
    return tuple(tools)


def _must_call(choice: Any, tools: tuple[Tool, ...]) -> str:
    """The flat form `{"type": "function", "name": …}` is chat's with the name one level up."""
    if isinstance(choice, dict):
        choice = {"function": {"name": choice.get("name")}}
    return requests.must_call(choice, tools)


def _json_schema(text: Any, items: list[dict[str, Any]]) -> dict[str, Any] | None:
    """`text.format` → schema; the flat form of chat's `response_format`."""
    wanted = text.get("format") if isinstance(text, dict) else None
    if not isinstance(wanted, dict):
        return None
    return requests.json_schema({"response_format": {**wanted, "json_schema": wanted}}, items)
