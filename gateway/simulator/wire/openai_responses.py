"""`calls` → OpenAI answers: chat completions, chunks, embeddings, models, errors.

Source: https://platform.openai.com/docs/api-reference/chat/object, …/chat/streaming and …/embeddings/object.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any
from zlib import crc32

import orjson

from gateway.simulator.calls import Answer, ChatCall, Choice, Frame, ProviderError, Usage
from gateway.simulator.catalog import SimModel

DONE = b"[DONE]"


def error_object(error: ProviderError) -> dict[str, Any]:
    """The body of a refused request."""
    return {"error": {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}}


def model_object(model: SimModel) -> dict[str, Any]:
    """One entry of `GET /v1/models`."""
    return {"id": model.name, "object": "model", "created": model.created, "owned_by": model.vendor}


def cache_writes(usage: Usage) -> dict[str, Any]:
    """Tokens written to the cache, for 30 minutes and for 12 hours; said where there are any."""
    written = usage.written_5m + usage.written_1h
    if not written:
        return {}
    lives = {"ttl_30m_tokens": usage.written_5m, "ttl_12h_tokens": usage.written_1h}
    return {"cache_write_tokens": written, "cache_write_tokens_details": lives}


def usage_object(usage: Usage) -> dict[str, Any]:
    """`usage` of a chat completion."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0, **cache_writes(usage)},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def chat_object(call: ChatCall, answer: Answer, *, report_usage: bool = True) -> dict[str, Any]:
    """A whole chat completion."""
    completion = {
        "id": f"chatcmpl-{answer.id_token}",
        "object": "chat.completion",
        "created": answer.created,
        "model": call.model,
        "choices": [_choice_object(call, choice, index) for index, choice in enumerate(answer.choices)],
        "service_tier": call.service_tier,
        "system_fingerprint": _fingerprint(call.model),
    }
    if report_usage:
        completion["usage"] = usage_object(answer.usage)
    return completion


def _choice_object(call: ChatCall, choice: Choice, index: int) -> dict[str, Any]:
    calls = [
        {"id": made.id, "type": "function", "function": {"name": made.name, "arguments": "".join(made.arguments)}}
        for made in choice.tool_calls
    ]
    content = None if calls else "".join(choice.tokens)
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    if calls:
        message["tool_calls"] = calls
    logprobs = None
    if call.top_logprobs is not None and not calls:
        logprobs = {"content": [_logprob(token, call.top_logprobs) for token in choice.tokens], "refusal": None}
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": choice.finish_reason}


def chat_frames(
    call: ChatCall, answer: Answer, *, usage_fault: str | None = None, merge_role: bool = False
) -> Iterator[Frame]:
    """The events of a streamed chat completion, `[DONE]` included.

    With `include_usage` ordinary chunks carry `usage: null` and a last chunk without choices carries the usage.
    `usage_fault` is one of `faults.USAGE_FAULTS`; `merge_role` puts the role into the first content chunk.
    """
    head = _chunk_head(call, answer)
    asked = call.include_usage and usage_fault not in ("no-usage", "usage-in-last-choice-chunk")
    null_usage = b',"usage":null}' if call.include_usage and usage_fault != "no-usage" else b"}"
    spoken = 0

    def tail() -> bytes:
        if usage_fault != "running-usage":
            return null_usage
        full = answer.usage
        so_far = Usage(full.prompt, full.reasoning + spoken, full.cached, full.reasoning)
        return b',"usage":%s}' % orjson.dumps(usage_object(so_far))

    role = b'{"role":"assistant","content":"","refusal":null}'
    if not merge_role:
        for index in range(len(answer.choices)):
            yield Frame(head + _chunk_choice(index, role) + tail())
    streams = [_deltas(call, choice, index) for index, choice in enumerate(answer.choices)]
    for round_number, deltas in enumerate(zip_longest(*streams)):
        for position, (delta, tokens) in enumerate(item for item in deltas if item is not None):
            if merge_role and round_number == 0:
                delta = delta.replace(b'"delta":{', b'"delta":{"role":"assistant",', 1)
            spoken += tokens
            yield Frame(head + delta + tail(), tokens, timed=position == 0)
    usage = b',"usage":%s}' % orjson.dumps(usage_object(answer.usage))
    spoken = answer.usage.completion - answer.usage.reasoning
    for index, choice in enumerate(answer.choices):
        last = usage_fault == "usage-in-last-choice-chunk" and index == len(answer.choices) - 1
        finish = orjson.dumps(choice.finish_reason)
        yield Frame(head + _chunk_choice(index, b"{}", finish=finish) + (usage if last else tail()))
    for _ in range((2 if usage_fault == "duplicate-usage" else 1) if asked else 0):
        yield Frame(head + b"]" + usage)
    yield Frame(DONE, is_last=True)


def _chunk_head(call: ChatCall, answer: Answer) -> bytes:
    """A chunk up to the opening bracket of its choices."""
    fields = {
        "id": f"chatcmpl-{answer.id_token}",
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": call.model,
        "service_tier": call.service_tier,
        "system_fingerprint": _fingerprint(call.model),
    }
    return orjson.dumps(fields)[:-1] + b',"choices":['


def _chunk_choice(index: int, delta: bytes, *, logprobs: bytes = b"null", finish: bytes = b"null") -> bytes:
    """One choice of a chunk and the closing bracket of the list."""
    return b'{"index":%d,"delta":%s,"logprobs":%s,"finish_reason":%s}]' % (index, delta, logprobs, finish)


def _deltas(call: ChatCall, choice: Choice, index: int) -> Iterator[tuple[bytes, int]]:
    """`(choice bytes, tokens)` for each chunk of one choice."""
    for token in choice.tokens:
        logprobs = b"null"
        if call.top_logprobs is not None:
            logprobs = orjson.dumps({"content": [_logprob(token, call.top_logprobs)], "refusal": None})
        yield _chunk_choice(index, b'{"content":%s}' % orjson.dumps(token), logprobs=logprobs), 1
    for number, made in enumerate(choice.tool_calls):
        function = {"name": made.name, "arguments": ""}
        opening = {"tool_calls": [{"index": number, "id": made.id, "type": "function", "function": function}]}
        yield _chunk_choice(index, orjson.dumps(opening)), 0
        for token in made.arguments:
            yield (
                _chunk_choice(
                    index, b'{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}' % (number, orjson.dumps(token))
                ),
                1,
            )


def _logprob(token: str, alternatives: int) -> dict[str, Any]:
    """Log probability entry of `token`, fixed by its text; alternatives are ever less likely variants of it."""
    raw = token.encode()
    value = -(crc32(raw) % 2_000) / 1_000
    variants = [token, token.upper(), *(f"{token}{number}" for number in range(18))][:alternatives]
    top = [
        {"token": text, "logprob": round(value - step * 1.5, 4), "bytes": list(text.encode())}
        for step, text in enumerate(variants)
    ]
    return {"token": token, "logprob": value, "bytes": list(raw), "top_logprobs": top}


def _fingerprint(model: str) -> str:
    return f"fp_{crc32(model.encode()):08x}44"


def embedding_object(model: str, vectors: list[array[float]], *, base64_encoded: bool, tokens: int) -> dict[str, Any]:
    """Answer of `/v1/embeddings`; base64 is of little-endian float32, as the official clients ask for."""
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.tobytes()).decode() if base64_encoded else vector.tolist(),
        }
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}
