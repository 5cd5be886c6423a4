"""generateContent answers → `Reply`."""

import os
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dataplane.formats.base import InvalidReply
from gateway.dataplane.formats.ir import Choice, Json, Part, Reply, Stop, Text, Thinking, ToolUse, Usage

HOME = "gemini"
_FILTERED = (
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR",
)  # fmt: skip
STOPS: dict[str, Stop] = {"STOP": "end", "MAX_TOKENS": "length"}
_FILTER: Stop = "content_filter"
STOPS |= dict.fromkeys(_FILTERED, _FILTER)


def read_reply(body: Mapping[str, Any]) -> Reply:
    """Raises `InvalidReply`. A prompt that was blocked is an answer without parts, stopped by the filter."""
    reply = Reply(id=_text(body.get("responseId")), model=_text(body.get("modelVersion")))
    reply.usage = read_usage(body.get("usageMetadata"))
    candidates = body.get("candidates")
    if isinstance(candidates, list) and candidates:
        reply.choices = [_read_candidate(candidate, reply.id) for candidate in candidates]
    elif word := blocked(body):
        reply.choices = [Choice([], "content_filter", word)]
    else:
        raise InvalidReply("candidates")
    return reply


def blocked(body: Mapping[str, Any]) -> str:
    """Why the prompt was refused; empty when it was not."""
    feedback = body.get("promptFeedback")
    return _text(feedback.get("blockReason")) if isinstance(feedback, dict) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _read_candidate(candidate: object, reply_id: str) -> Choice:
    if not isinstance(candidate, dict):
        raise InvalidReply("candidates[]")
    parts: list[Part] = []
    for number, part in enumerate(parts_of(candidate)):
        parts += _read_part(part, call_id(reply_id, candidate, number))
    word = _text(candidate.get("finishReason"))
    stop = stop_of(word, has_calls=any(isinstance(part, ToolUse) for part in parts))
    return Choice(parts, stop, word, logprobs=read_logprobs(candidate.get("logprobsResult")))


def stop_of(word: str, *, has_calls: bool) -> Stop | None:
    """Calls end in `STOP` like everything else."""
    if not word:
        return None
    return "tool_use" if has_calls and word == "STOP" else STOPS.get(word, "other")


def parts_of(candidate: Mapping[str, Any]) -> list[Json]:
    """The parts of a candidate; answers that were cut off before the first have none."""
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def call_id(reply_id: str, candidate: Mapping[str, Any], number: int) -> str:
    """An id for a call that came without one, unlike any other of the conversation."""
    return f"call_{reply_id or os.urandom(9).hex()}_{candidate.get('index') or 0}_{number}"


def _read_part(part: Json, identity: str) -> list[Part]:
    """A signature on a text or a call becomes encrypted reasoning before it: other formats have a place for that.

    Parts of the vendor's own tools, and files, have no counterpart and are passed over.
    """
    signature = _text(part.get("thoughtSignature"))
    signed: list[Part] = [Thinking(redacted=signature, vendor=HOME)] if signature else []
    text = part.get("text")
    if isinstance(text, str) and part.get("thought") is True:
        return [Thinking(text, signature, vendor=HOME)]
    if isinstance(text, str):
        return [*signed, *([Text(text)] if text else [])]
    call = part.get("functionCall")
    if isinstance(call, dict):
        return [*signed, ToolUse(_text(call.get("id")) or identity, _text(call.get("name")), arguments_of(call))]
    return signed


def arguments_of(call: Mapping[str, Any]) -> str:
    """The JSON text of a call's arguments."""
    return orjson.dumps(call.get("args") or {}).decode()


def read_usage(usage: object) -> Usage | None:
    """The prompt includes what was cached; thoughts are counted beside the answer. None when all is zero."""
    if not isinstance(usage, dict):
        return None
    thoughts = _count(usage.get("thoughtsTokenCount"))
    found = Usage(_count(usage.get("promptTokenCount")) + _count(usage.get("toolUsePromptTokenCount")))
    found.output = _count(usage.get("candidatesTokenCount")) + thoughts
    found.reasoning = thoughts
    found.cache_read = min(_count(usage.get("cachedContentTokenCount")), found.input)
    heard = _audio(usage.get("promptTokensDetails")) - _audio(usage.get("cacheTokensDetails"))
    found.audio_input = min(max(0, heard), found.input - found.cache_read)
    found.audio_output = min(_audio(usage.get("candidatesTokensDetails")), found.output - thoughts)
    return found if found else None


def _audio(details: object) -> int:
    """Audio tokens of a list by modality."""
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    return sum(_count(row.get("tokenCount")) for row in rows if row.get("modality") == "AUDIO")


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def read_logprobs(result: object) -> Json | None:
    """`logprobsResult` in OpenAI's shape, which is how replies carry log probabilities."""
    if not isinstance(result, dict) or not isinstance(result.get("chosenCandidates"), list):
        return None
    tops = result.get("topCandidates")
    tops = tops if isinstance(tops, list) else []
    content = []
    for number, chosen in enumerate(result["chosenCandidates"]):
        row = tops[number] if number < len(tops) and isinstance(tops[number], dict) else {}
        others = [_logprob(item) for item in row.get("candidates") or [] if isinstance(item, dict)]
        if isinstance(chosen, dict):
            content.append({**_logprob(chosen), "top_logprobs": others})
    return {"content": content, "refusal": None}


def _logprob(item: Mapping[str, Any]) -> Json:
    token = _text(item.get("token"))
    return {"token": token, "logprob": item.get("logProbability"), "bytes": list(token.encode())}
