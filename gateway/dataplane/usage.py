"""Usage of a call: as the vendor reported it, else counted locally, else estimated; one shape for all.

`input_tokens` includes cached parts, `output_tokens` includes reasoning (OpenAI's convention).
Source: OpenAI API reference, objects "chat completion" and "embedding", field `usage`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.dataplane.call import Call, clean

BYTES_PER_TOKEN = 4
FILE_TOKENS = 765  # what `gateway.tokens` takes for an image at high detail
OUTPUT_GUESS = 250
OUTPUT_GUESS_CAP = 1_000
_ENCODED_FILE = re.compile(rb"[A-Za-z0-9+/]{4096,}={0,2}")


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts by the ledger's column names, and where they come from."""

    tokens: dict[str, int]
    source: str
    service_tier: str | None = None


def reported(usage: Mapping[str, Any], body: Mapping[str, Any]) -> Usage | None:
    """OpenAI's `usage` object → ledger names; None when it is not usable."""
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None:
        return None
    details = usage.get("prompt_tokens_details")
    out_details = usage.get("completion_tokens_details")
    tokens = {"input_tokens": prompt, "output_tokens": completion or 0}
    if isinstance(details, dict):
        tokens["cache_read_tokens"] = min(_count(details.get("cached_tokens")) or 0, prompt)
        tokens["audio_input_tokens"] = _count(details.get("audio_tokens")) or 0
    if isinstance(out_details, dict):
        tokens["reasoning_tokens"] = _count(out_details.get("reasoning_tokens")) or 0
        tokens["audio_output_tokens"] = _count(out_details.get("audio_tokens")) or 0
    tier = body.get("service_tier")
    return Usage(tokens, "reported", tier if isinstance(tier, str) else None)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def counted(call: Call, model: str, texts: list[str]) -> Usage:
    """Counted by us from the request and the text that came back; exact or heuristic as `gateway.tokens` can."""
    from gateway import tokens  # the vocabularies cost 100 MB: only a process that must count loads them

    if call.endpoint.required == "messages":
        prompt = tokens.count_chat(call.fields["messages"], call.fields.get("tools"), model).tokens
    else:
        prompt = sum(tokens.count_text(text, model).tokens for text in _inputs(call.fields.get("input")))
    output = sum(tokens.count_text(text, model).tokens for text in texts)
    return Usage({"input_tokens": prompt, "output_tokens": output}, "counted")


def _inputs(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def guessed(call: Call) -> dict[str, int]:
    """Before anything is known: 4 bytes a token in, 765 tokens for an encoded file; out `max_tokens` (at most 1,000),
    else 250, none for embeddings.
    """
    output = 0
    if call.endpoint.required == "messages":
        limit = call.max_tokens
        output = OUTPUT_GUESS if limit is None else max(0, min(limit, OUTPUT_GUESS_CAP))
    return {"input_tokens": max(1, _text_bytes(call.body) // BYTES_PER_TOKEN), "output_tokens": output}


def _text_bytes(body: bytes) -> int:
    """Bytes that are text: an encoded file is a few hundred tokens as an image, not a million as letters."""
    if b";base64," not in body and b'"input_audio"' not in body:
        return len(body)
    return len(body) - sum(len(run) - FILE_TOKENS * BYTES_PER_TOKEN for run in _ENCODED_FILE.findall(body))


def texts_of_chunks(chunks: list[dict[str, Any]]) -> list[str]:
    """The text a stream delivered, by choice: content, refusals, tool-call names and arguments."""
    found: dict[object, list[str]] = {}
    for chunk in chunks:
        for choice in _dicts(chunk.get("choices")):
            found.setdefault(choice.get("index"), []).extend(_texts(choice.get("delta")))
    return ["".join(parts) for parts in found.values()]


def texts_of_answer(body: Mapping[str, Any]) -> list[str]:
    return ["".join(_texts(choice.get("message"))) for choice in _dicts(body.get("choices"))]


def _texts(message: object) -> list[str]:
    if not isinstance(message, dict):
        return []
    found = [message.get(name) for name in ("content", "refusal", "reasoning_content")]
    for tool in _dicts(message.get("tool_calls")):
        function = tool.get("function")
        if isinstance(function, dict):
            found += [function.get("name"), function.get("arguments")]
    return [text for text in found if isinstance(text, str)]


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def finish_reason(body: Mapping[str, Any]) -> str | None:
    for choice in _dicts(body.get("choices")):
        if isinstance(reason := choice.get("finish_reason"), str):
            return clean(reason, 40)
    return None


def tool_call_count(body: Mapping[str, Any]) -> int:
    messages = (choice.get("message") for choice in _dicts(body.get("choices")))
    return sum(len(_dicts(message.get("tool_calls"))) for message in messages if isinstance(message, dict))
