"""`calls` → the Responses API's objects and events.

Source: https://platform.openai.com/docs/api-reference/responses/object and …/responses-streaming.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson

from gateway.simulator.calls import Answer, ChatCall, Choice, Frame, ToolCall, Usage
from gateway.simulator.wire.openai_responses import cache_writes

_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def usage_object(usage: Usage) -> dict[str, Any]:
    """`usage` of a response."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0, **cache_writes(usage)},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }


def response_object(
    call: ChatCall, answer: Answer, payload: dict[str, Any], *, report_usage: bool = True
) -> dict[str, Any]:
    """A finished response: completed, or incomplete when a limit or a filter ended it."""
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.choices[0].finish_reason)
    response = _opened(call, answer, payload)
    response["status"] = "incomplete" if reason else "completed"
    response["completed_at"] = None if reason else answer.created
    response["incomplete_details"] = {"reason": reason} if reason else None
    response["output"] = [item for item, _ in _output(answer)]
    response["service_tier"] = call.service_tier
    response["usage"] = usage_object(answer.usage) if report_usage else None
    return response


def _opened(call: ChatCall, answer: Answer, payload: dict[str, Any]) -> dict[str, Any]:
    """The response as it stands before the model has spoken."""
    echoed = {name: default if payload.get(name) is None else payload[name] for name, default in _ECHOED.items()}
    reasoning = payload.get("reasoning") if isinstance(payload.get("reasoning"), dict) else {}
    assert isinstance(reasoning, dict)
    return {
        "id": f"resp_{answer.id_token}",
        "object": "response",
        "created_at": answer.created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": call.model,
        "output": [],
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "service_tier": payload.get("service_tier") or "auto",
        "usage": None,
        **echoed,
    }


def _output(answer: Answer) -> list[tuple[dict[str, Any], Choice | ToolCall | None]]:
    """Finished output items, each with what it was made of: reasoning (`None`), the message, the function calls."""
    choice = answer.choices[0]
    status = "incomplete" if choice.finish_reason in ("length", "content_filter") else "completed"
    items: list[tuple[dict[str, Any], Choice | ToolCall | None]] = []
    if answer.usage.reasoning:
        summary = [{"type": "summary_text", "text": "".join(choice.reasoning)}] if choice.reasoning else []
        items.append(({"id": f"rs_{answer.id_token}", "type": "reasoning", "summary": summary}, None))
    for number, made in enumerate(choice.tool_calls):
        items.append((_call_item(answer, made, number, status), made))
    if choice.tokens:
        message = {
            "id": f"msg_{answer.id_token}",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [_text_part("".join(choice.tokens))],
        }
        items.append((message, choice))
    return items


def _call_item(answer: Answer, made: ToolCall, number: int, status: str) -> dict[str, Any]:
    return {
        "id": f"fc_{answer.id_token}{number:02x}",
        "type": "function_call",
        "status": status,
        "arguments": "".join(made.arguments),
        "call_id": made.id,
        "name": made.name,
    }


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


class _Events:
    """Numbers the events of one stream."""

    def __init__(self) -> None:
        self._numbers = count()

    def make(self, kind: str, fields: dict[str, Any], *, tokens: int = 0, last: bool = False) -> Frame:
        data = orjson.dumps({"type": kind, "sequence_number": next(self._numbers), **fields})
        return Frame(data, tokens, timed=tokens > 0, event=kind.encode(), is_last=last)


def error_event(code: str, message: str) -> Frame:
    """The event that ends a broken stream."""
    data = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": 0}
    return Frame(orjson.dumps(data), event=b"error", is_error=True)


def response_frames(
    call: ChatCall, answer: Answer, payload: dict[str, Any], *, report_usage: bool = True
) -> Iterator[Frame]:
    """The events of a streamed response; usage comes in the last one."""
    events = _Events()
    opened = _opened(call, answer, payload)
    yield events.make("response.created", {"response": opened})
    yield events.make("response.in_progress", {"response": opened})
    for index, (item, source) in enumerate(_output(answer)):
        if source is None:
            yield from _reasoning_frames(events, item, index, answer.choices[0].reasoning)
        elif isinstance(source, ToolCall):
            yield from _call_frames(events, item, index, source)
        else:
            yield from _message_frames(events, item, index, source)
    final = response_object(call, answer, payload, report_usage=report_usage)
    yield events.make(f"response.{final['status']}", {"response": final}, last=True)


def _message_frames(events: _Events, item: dict[str, Any], index: int, choice: Choice) -> Iterator[Frame]:
    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
    opened = {**item, "status": "in_progress", "content": []}
    yield events.make("response.output_item.added", {"output_index": index, "item": opened})
    yield events.make("response.content_part.added", {**where, "part": _text_part("")})
    for token in choice.tokens:
        yield events.make("response.output_text.delta", {**where, "delta": token, "logprobs": []}, tokens=1)
    text = "".join(choice.tokens)
    yield events.make("response.output_text.done", {**where, "text": text, "logprobs": []})
    yield events.make("response.content_part.done", {**where, "part": _text_part(text)})
    yield events.make("response.output_item.done", {"output_index": index, "item": item})


def _call_frames(events: _Events, item: dict[str, Any], index: int, made: ToolCall) -> Iterator[Frame]:
    where = {"item_id": item["id"], "output_index": index}
    opened = {**item, "status": "in_progress", "arguments": ""}
    yield events.make("response.output_item.added", {"output_index": index, "item": opened})
    for token in made.arguments:
        yield events.make("response.function_call_arguments.delta", {**where, "delta": token}, tokens=1)
    done = {**where, "name": made.name, "arguments": item["arguments"]}
    yield events.make("response.function_call_arguments.done", done)
    yield events.make("response.output_item.done", {"output_index": index, "item": item})


def _reasoning_frames(events: _Events, item: dict[str, Any], index: int, summary: tuple[str, ...]) -> Iterator[Frame]:
    where = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    yield events.make("response.output_item.added", {"output_index": index, "item": {**item, "summary": []}})
    if summary:
        text = "".join(summary)
        part = {"type": "summary_text", "text": ""}
        yield events.make("response.reasoning_summary_part.added", {**where, "part": part})
        for token in summary:
            yield events.make("response.reasoning_summary_text.delta", {**where, "delta": token})
        yield events.make("response.reasoning_summary_text.done", {**where, "text": text})
        yield events.make("response.reasoning_summary_part.done", {**where, "part": {**part, "text": text}})
    yield events.make("response.output_item.done", {"output_index": index, "item": item})
