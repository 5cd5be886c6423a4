"""`calls` → Gemini answers.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse, …/gemini-api/docs/thinking (thought
parts, `thoughtsTokenCount`) and …/gemini-api/docs/thought-signatures (the first of parallel calls carries it).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import orjson

from gateway.simulator.calls import Answer, ChatCall, Choice, Frame, ToolCall, Usage
from gateway.simulator.catalog import SimModel

_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_SAFETY = [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}]


def usage_object(usage: Usage) -> dict[str, Any]:
    """`usageMetadata`: the prompt includes what was cached, the candidates leave the thoughts out."""
    found: dict[str, Any] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "totalTokenCount": usage.prompt + usage.completion,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt}],
    }
    if usage.cached:
        found["cachedContentTokenCount"] = usage.cached
        found["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.cached}]
    if usage.reasoning:
        found["thoughtsTokenCount"] = usage.reasoning
    return found


def model_object(model: SimModel) -> dict[str, Any]:
    """One entry of `GET /v1beta/models`."""
    chat = ["generateContent", "countTokens"]
    return {
        "name": f"models/{model.name}",
        "version": "001",
        "displayName": model.name.replace("-", " ").title(),
        "inputTokenLimit": model.context_tokens,
        "outputTokenLimit": model.max_output_tokens or 1,
        "supportedGenerationMethods": chat if model.kind == "chat" else ["embedContent"],
    }


def generate_object(call: ChatCall, answer: Answer, *, report_usage: bool = True) -> dict[str, Any]:
    """A whole answer."""
    candidates = [
        _candidate(_parts(answer, choice), choice, index, ended=True) for index, choice in enumerate(answer.choices)
    ]
    usage = {"usageMetadata": usage_object(answer.usage)} if report_usage else {}
    return {"candidates": candidates, **usage, **_foot(call, answer)}


def blocked_object(call: ChatCall, answer: Answer) -> dict[str, Any]:
    """The prompt itself was refused: no candidates, nothing generated."""
    prompt = answer.usage.prompt
    usage = {"promptTokenCount": prompt, "totalTokenCount": prompt}
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage, **_foot(call, answer)}


def _foot(call: ChatCall, answer: Answer) -> dict[str, Any]:
    return {"modelVersion": call.model, "responseId": answer.id_token[:22]}


def _candidate(parts: list[dict[str, Any]], choice: Choice, index: int, *, ended: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
    if not parts:
        candidate["content"] = {"role": "model"}
    if ended:
        candidate["finishReason"] = _FINISH[choice.finish_reason]
        if choice.finish_reason == "content_filter":
            candidate["safetyRatings"] = _SAFETY
    return candidate


def _parts(answer: Answer, choice: Choice) -> list[dict[str, Any]]:
    """Thoughts when asked for, the text, the calls; after thinking the last text or the first call is signed."""
    parts: list[dict[str, Any]] = []
    if choice.reasoning:
        parts.append({"text": "".join(choice.reasoning), "thought": True})
    if choice.tokens:
        parts.append({"text": "".join(choice.tokens)})
    parts += [_call_part(answer, made, number) for number, made in enumerate(choice.tool_calls)]
    return parts


def _call_part(answer: Answer, made: ToolCall, number: int) -> dict[str, Any]:
    """A call without an id, as the Gemini API sends it; the first one carries the thought signature."""
    try:
        arguments = orjson.loads("".join(made.arguments))
    except orjson.JSONDecodeError:
        arguments = {}
    part: dict[str, Any] = {"functionCall": {"name": made.name, "args": arguments}}
    if number == 0 and answer.usage.reasoning:
        part["thoughtSignature"] = base64.b64encode(sha256(made.id.encode()).digest()).decode()
    return part


def error_event(code: int, status: str, message: str) -> Frame:
    """The event that ends a broken stream."""
    return Frame(orjson.dumps({"error": {"code": code, "message": message, "status": status}}), is_error=True)


def generate_frames(call: ChatCall, answer: Answer, *, report_usage: bool = True) -> Iterator[Frame]:
    """Chunks, each a whole answer of its own; usage runs along, the last chunk of a candidate says why it ended."""
    foot = _foot(call, answer)
    spoken = 0

    def chunk(
        parts: list[dict[str, Any]], choice: Choice, index: int, *, ended: bool, tokens: int, last: bool
    ) -> Frame:
        full = answer.usage
        so_far = Usage(full.prompt, full.reasoning + spoken, full.cached, full.reasoning)
        usage = {"usageMetadata": usage_object(so_far)} if report_usage else {}
        body = {"candidates": [_candidate(parts, choice, index, ended=ended)], **usage, **foot}
        return Frame(orjson.dumps(body), tokens, timed=tokens > 0, is_last=last)

    for index, choice in enumerate(answer.choices):
        if choice.reasoning:
            parts = [{"text": "".join(choice.reasoning), "thought": True}]
            yield chunk(parts, choice, index, ended=False, tokens=0, last=False)
        for token in choice.tokens:
            spoken += 1
            yield chunk([{"text": token}], choice, index, ended=False, tokens=1, last=False)
        for number, made in enumerate(choice.tool_calls):
            spoken += len(made.arguments)
            part = _call_part(answer, made, number)
            yield chunk([part], choice, index, ended=False, tokens=len(made.arguments), last=False)
        is_last = index == len(answer.choices) - 1
        if is_last:
            spoken = answer.usage.completion - answer.usage.reasoning
        yield chunk([], choice, index, ended=True, tokens=0, last=is_last)
