"""`calls` → Converse answers and the events of ConverseStream.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (TokenUsage, CacheDetail) and
…/API_runtime_ConverseStream.html.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import orjson

from gateway.simulator.calls import Answer, ChatCall, Choice, Frame, ToolCall, Usage
from gateway.simulator.catalog import SimModel

_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}


def usage_object(usage: Usage) -> dict[str, Any]:
    """`usage`: `inputTokens` leaves out what was read from or written to the cache, `totalTokens` has all of it."""
    written = usage.written_5m + usage.written_1h
    found: dict[str, Any] = {
        "inputTokens": usage.prompt - usage.cached - written,
        "outputTokens": usage.completion,
        "totalTokens": usage.prompt + usage.completion,
        "cacheReadInputTokens": usage.cached,
        "cacheWriteInputTokens": written,
    }
    details = [("5m", usage.written_5m), ("1h", usage.written_1h)]
    if written:
        found["cacheDetails"] = [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in details if tokens]
    return found


def model_object(model: SimModel) -> dict[str, Any]:
    """One entry of `ListFoundationModels`."""
    return {
        "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{model.name}",
        "modelId": model.name,
        "modelName": model.name.partition(".")[2],
        "providerName": model.vendor.title(),
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def converse_object(call: ChatCall, answer: Answer, *, latency_ms: int, report_usage: bool = True) -> dict[str, Any]:
    """A whole answer."""
    choice = answer.choices[0]
    body: dict[str, Any] = {
        "metrics": {"latencyMs": latency_ms},
        "output": {"message": {"role": "assistant", "content": _content(choice)}},
        "stopReason": _stop_reason(choice),
    }
    if report_usage:
        body["usage"] = usage_object(answer.usage)
    if call.service_tier != "default":
        body["serviceTier"] = {"type": call.service_tier}
    return body


def _stop_reason(choice: Choice) -> str:
    if choice.stopped_by is not None:
        return "stop_sequence"
    if choice.tool_calls and choice.finish_reason == "stop":
        return "tool_use"
    return _STOP[choice.finish_reason]


def _content(choice: Choice) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if choice.reasoning:
        text = "".join(choice.reasoning)
        blocks.append({"reasoningContent": {"reasoningText": {"text": text, "signature": _signature(text)}}})
    if choice.tokens:
        blocks.append({"text": "".join(choice.tokens)})
    return blocks + [{"toolUse": {**_tool_start(made), "input": _arguments(made)}} for made in choice.tool_calls]


def _tool_start(made: ToolCall) -> dict[str, Any]:
    return {"toolUseId": f"tooluse_{made.id.removeprefix('call_')[:22]}", "name": made.name}


def _arguments(made: ToolCall) -> dict[str, Any]:
    """Empty when the answer was cut inside them."""
    try:
        value: dict[str, Any] = orjson.loads("".join(made.arguments))
    except orjson.JSONDecodeError:
        return {}
    return value


def _signature(text: str) -> str:
    return base64.b64encode(sha256(text.encode()).digest()).decode()


def _event(name: str, fields: dict[str, Any], *, tokens: int = 0, last: bool = False) -> Frame:
    return Frame(orjson.dumps(fields), tokens, timed=tokens > 0, event=name.encode(), is_last=last)


def error_event(name: str, message: str) -> Frame:
    """The exception that ends a broken stream."""
    return Frame(orjson.dumps({"message": message}), event=name.encode(), is_error=True)


def converse_frames(call: ChatCall, answer: Answer, *, latency_ms: int, report_usage: bool = True) -> Iterator[Frame]:
    """The events of a stream; text blocks begin with their first delta, usage comes last, in `metadata`."""
    choice = answer.choices[0]
    yield _event("messageStart", {"role": "assistant"})
    index = 0
    if choice.reasoning:
        for token in choice.reasoning:
            yield _delta(index, {"reasoningContent": {"text": token}})
        yield _delta(index, {"reasoningContent": {"signature": _signature("".join(choice.reasoning))}})
        yield _event("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    if choice.tokens:
        for token in choice.tokens:
            yield _delta(index, {"text": token}, tokens=1)
        yield _event("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    for made in choice.tool_calls:
        yield _event("contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": _tool_start(made)}})
        for token in made.arguments:
            yield _delta(index, {"toolUse": {"input": token}}, tokens=1)
        yield _event("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    yield _event("messageStop", {"stopReason": _stop_reason(choice)})
    metadata: dict[str, Any] = {"metrics": {"latencyMs": latency_ms}}
    if report_usage:
        metadata["usage"] = usage_object(answer.usage)
    if call.service_tier != "default":
        metadata["serviceTier"] = {"type": call.service_tier}
    yield _event("metadata", metadata, last=True)


def _delta(index: int, delta: dict[str, Any], *, tokens: int = 0) -> Frame:
    return _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}, tokens=tokens)
