"""Usage of a call: as the vendor reported it, else counted locally, else estimated; one shape for all.

`input_tokens` includes cached parts, `output_tokens` includes reasoning (OpenAI's convention).
Sources: OpenAI API reference, objects "chat completion", "embedding" and "response", field `usage`; Anthropic API
documentation, "Prompt caching", section "Tracking cache performance".
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gateway.dataplane import mediausage
from gateway.dataplane.call import Call, clean
from gateway.dataplane.endpoints import ANTHROPIC_COUNT, ANTHROPIC_MESSAGES, OPENAI_CHAT
from gateway.dataplane.formats import openai_chat
from gateway.dataplane.formats.base import Losses, Malformed
from gateway.dataplane.formats.registry import FORMATS

BYTES_PER_TOKEN = 4
FILE_TOKENS = 765  # what `gateway.tokens` takes for an image at high detail
PARTIAL = "partial"  # source of a report that came before the answer ended: its output is not what was generated
OUTPUT_GUESS = 250
OUTPUT_GUESS_CAP = 1_000
CUT_LIMIT_BYTES = 4 * 1024 * 1024
# The text of an answer in any dialect, up to where it broke off. Nothing inside a string can look like this: there,
# every quotation mark is escaped (RFC 8259 §7).
_CUT_TEXT = re.compile(
    rb'"(?:content|text|refusal|reasoning_content|thinking|name|arguments)"\s*:\s*"((?:[^"\\]++|\\u[0-9a-fA-F]{4}|\\[^u])*+)'
)
_FILE_MARKS = (b";base64,", b'"input_audio"', b'"base64"')
_ENCODED_FILE = re.compile(rb"[A-Za-z0-9+/]{4096,}={0,2}")


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts by the ledger's column names, and where they come from. `speed`: of a vendor that has two;
    `region`: where the answer was made, of a vendor that says so."""

    tokens: dict[str, int]
    source: str
    service_tier: str | None = None
    speed: str | None = None
    region: str | None = None

    @property
    def context(self) -> dict[str, str]:
        """What was served, by which the price is chosen."""
        found = {"service_tier": self.service_tier, "speed": self.speed, "region": self.region}
        return {name: value for name, value in found.items() if value}


def reported(usage: Mapping[str, Any], body: Mapping[str, Any]) -> Usage | None:
    """OpenAI's `usage` object → ledger names; None when it is not usable."""
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None:
        return None
    details = usage.get("prompt_tokens_details")
    out_details = usage.get("completion_tokens_details")
    tokens = {"input_tokens": prompt, "output_tokens": completion or 0}
    if isinstance(details, dict):
        tokens["cache_read_tokens"] = read = min(_count(details.get("cached_tokens")) or 0, prompt)
        if details.get("cache_write_tokens"):
            short, long = cache_writes(details, prompt - read)
            tokens |= {"cache_write_5m_tokens": short, "cache_write_1h_tokens": long}
        tokens["audio_input_tokens"] = _count(details.get("audio_tokens")) or 0
    if isinstance(out_details, dict):
        tokens["reasoning_tokens"] = _count(out_details.get("reasoning_tokens")) or 0
        tokens["audio_output_tokens"] = _count(out_details.get("audio_tokens")) or 0
    tier = body.get("service_tier")
    return Usage(tokens, "reported", tier if isinstance(tier, str) else None)


def cache_writes(details: Mapping[str, Any], most: int) -> tuple[int, int]:
    """What OpenAI's `cache_write_tokens` say, as `(for 30 minutes, for 12 hours)`: parts of the prompt beside what was
    read. The ledger has them as its shorter and its longer lifetime.

    Source: OpenAI, "Prompt caching" (writes are 1.25 × the input rate from GPT-5.6 on, no additional fee before).
    """
    written = min(_count(details.get("cache_write_tokens")) or 0, most)
    by_life = details.get("cache_write_tokens_details")
    long = _count(by_life.get("ttl_12h_tokens")) or 0 if isinstance(by_life, dict) else 0
    return written - min(long, written), min(long, written)


def reported_response(usage: Mapping[str, Any], body: Mapping[str, Any]) -> Usage | None:
    """The `usage` object of OpenAI's Responses → ledger names, with the web searches among its output items."""
    renamed = {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details"),
        "completion_tokens_details": usage.get("output_tokens_details"),
    }
    found = reported(renamed, body)
    searches = sum(map(_is_search, dicts(body.get("output"))))
    if found is not None and searches:
        found.tokens["web_searches"] = searches
    return found


def _is_search(item: Mapping[str, Any]) -> bool:
    """Opening a page or looking into one costs nothing beside its tokens (OpenAI, "Web search", output)."""
    action = item.get("action")
    kind = action.get("type") if isinstance(action, dict) else "search"
    return item.get("type") == "web_search_call" and kind == "search"


def reported_messages(usage: Mapping[str, Any]) -> Usage | None:
    """Anthropic's `usage` → ledger names. Its `input_tokens` leaves out what was read from or written to the cache."""
    fresh = _count(usage.get("input_tokens"))
    if fresh is None and _count(usage.get("output_tokens")) is None:
        return None
    read = _count(usage.get("cache_read_input_tokens")) or 0
    written = _count(usage.get("cache_creation_input_tokens")) or 0
    by_life = usage.get("cache_creation")
    hour = _count(by_life.get("ephemeral_1h_input_tokens")) or 0 if isinstance(by_life, dict) else 0
    tokens = {
        "input_tokens": (fresh or 0) + read + written,
        "output_tokens": _count(usage.get("output_tokens")) or 0,
        "cache_read_tokens": read,
        "cache_write_5m_tokens": max(0, written - hour),  # five minutes is the lifetime when none is said
        "cache_write_1h_tokens": min(hour, written),
    }
    details = usage.get("output_tokens_details")
    if isinstance(details, dict):
        tokens["reasoning_tokens"] = min(_count(details.get("thinking_tokens")) or 0, tokens["output_tokens"])
    tools = usage.get("server_tool_use")
    if isinstance(tools, dict) and (searches := _count(tools.get("web_search_requests"))):
        tokens["web_searches"] = searches
    served = (usage.get(name) for name in ("service_tier", "speed", "inference_geo"))
    return Usage(tokens, "reported", *(value if isinstance(value, str) else None for value in served))


def is_something(usage: Mapping[str, Any]) -> bool:
    """Whether a report has a count that is not zero."""
    return any(usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def counted(call: Call, model: str, texts: list[str]) -> Usage:
    """Counted by us from the request and the text that came back; exact or heuristic as `gateway.tokens` can."""
    from gateway import tokens  # the vocabularies cost 100 MB: only a process that must count loads them

    if call.endpoint.is_chat:
        try:
            prompt = tokens.count_chat(*chat_form(call), model).tokens
        except Malformed:  # the provider took what our reader does not understand
            prompt = guessed(call)["input_tokens"]
    else:
        prompt = sum(tokens.count_text(text, model).tokens for text in _inputs(call.fields.get(call.endpoint.required)))
    output = sum(tokens.count_text(text, model).tokens for text in texts)
    return Usage({"input_tokens": prompt, "output_tokens": output}, "counted")


def chat_form(call: Call) -> tuple[list[Any], list[Any] | None]:
    """Messages and tools as OpenAI's chat has them, by which tokens are counted. Raises `Malformed`."""
    if call.endpoint.dialect == OPENAI_CHAT:
        return call.fields["messages"], call.fields.get("tools")
    dialect = ANTHROPIC_MESSAGES if call.endpoint.dialect == ANTHROPIC_COUNT else call.endpoint.dialect
    prompt = call.prompt or FORMATS[dialect].read_request(call.fields)
    fields = openai_chat.write_request(replace(prompt, firm={}), Losses("", may_drop=True))
    return fields["messages"], fields.get("tools")


def _inputs(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def guessed(call: Call) -> dict[str, int]:
    """Before anything is known: 4 bytes a token in, 765 tokens for an encoded file; out `max_tokens` (at most 1,000),
    else 250, none for embeddings. Of images and audio: `mediausage.guess`.
    """
    if call.endpoint.is_media:
        return mediausage.guess(call)
    output = 0
    if call.endpoint.generates:
        limit = call.max_tokens
        output = OUTPUT_GUESS if limit is None else max(0, min(limit, OUTPUT_GUESS_CAP))
    if call.output_cap is not None:
        output = min(output, call.output_cap)
    return {"input_tokens": guessed_input(call), "output_tokens": output}


def guessed_input(call: Call) -> int:
    """The input tokens of `guessed`."""
    if call.endpoint.is_media:
        return mediausage.guess(call)["input_tokens"]
    return max(1, _text_bytes(call.body) // BYTES_PER_TOKEN)


def _text_bytes(body: bytes) -> int:
    """Bytes that are text: an encoded file is a few hundred tokens as an image, not a million as letters."""
    for mark in _FILE_MARKS:
        if mark in body:
            break
    else:
        return len(body)
    return len(body) - sum(len(run) - FILE_TOKENS * BYTES_PER_TOKEN for run in _ENCODED_FILE.findall(body))


def texts_of_chunks(chunks: list[dict[str, Any]]) -> list[str]:
    """The text a stream delivered, by choice: content, refusals, tool-call names and arguments."""
    found: dict[object, list[str]] = {}
    for chunk in chunks:
        for choice in dicts(chunk.get("choices")):
            found.setdefault(choice.get("index"), []).extend(_texts_of_choice(choice, "delta"))
    return ["".join(parts) for parts in found.values()]


def texts_of_answer(body: Mapping[str, Any]) -> list[str]:
    return ["".join(_texts_of_choice(choice, "message")) for choice in dicts(body.get("choices"))]


def _texts_of_choice(choice: Mapping[str, Any], name: str) -> list[str]:
    text = choice.get("text")  # the legacy completions have nothing else
    return _texts(choice.get(name)) + ([text] if isinstance(text, str) else [])


def with_output(partial: Usage, output: int) -> Usage:
    """A report that came too early, with the output that arrived after it: the rest of it is the vendor's own."""
    output = max(output, partial.tokens.get("output_tokens", 0))
    return replace(partial, tokens=partial.tokens | {"output_tokens": output}, source="estimated")


def completed(partial: Usage, model: str, texts: list[str]) -> Usage:
    """`with_output` of the text that arrived, counted. Loads a vocabulary."""
    from gateway import tokens  # as in `counted`

    return with_output(partial, sum(tokens.count_text(text, model).tokens for text in texts))


def of_request(call: Call) -> Usage:
    """Of an attempt without a usable answer: the request alone."""
    if call.endpoint.is_media:
        return Usage(mediausage.sent_only(call), "estimated")
    return Usage({"input_tokens": guessed(call)["input_tokens"]}, "estimated")


async def estimated_of_cut(call: Call, model: str, received: bytes) -> Usage | None:
    """Usage of a whole answer that broke off: the text that arrived is counted; what was generated beyond it is
    unknown. None when no byte of a body arrived. Counts in a thread."""
    if not received:
        return None
    if call.endpoint.is_media:
        return Usage(mediausage.guess(call), "estimated")
    used = await asyncio.to_thread(lambda: counted(call, model, texts_of_cut(received)))
    return Usage(used.tokens, "estimated")


def texts_of_cut(body: bytes) -> list[str]:
    """The text in the first part of an answer that ended anywhere, inside an escape or a character too."""
    pieces = (found[1].decode("utf-8", "ignore").encode() for found in _CUT_TEXT.finditer(body[:CUT_LIMIT_BYTES]))
    return [text for piece in pieces if (text := _unescaped(piece))]


def _unescaped(piece: bytes) -> str:
    """Lenient: takes control characters, drops half a surrogate pair, leaves unknown escapes as letters."""
    try:
        text = json.loads(b'"' + piece + b'"', strict=False)
    except ValueError:
        text = piece.decode()
    return text.encode("utf-8", "ignore").decode()


def _texts(message: object) -> list[str]:
    if not isinstance(message, dict):
        return []
    found = [message.get(name) for name in ("content", "refusal", "reasoning_content")]
    for tool in dicts(message.get("tool_calls")):
        function = tool.get("function")
        if isinstance(function, dict):
            found += [function.get("name"), function.get("arguments")]
    return _strings(found)


def texts_of_message(body: Mapping[str, Any]) -> list[str]:
    """The text of an Anthropic message: text, thinking, tools' names and input."""
    found: list[object] = []
    for block in dicts(body.get("content")):
        found += [block.get("text"), block.get("thinking"), block.get("name")]
        if block.get("input"):
            found.append(orjson.dumps(block["input"]).decode())
    return ["".join(_strings(found))]


def texts_of_message_events(events: list[dict[str, Any]]) -> list[str]:
    found: list[object] = []
    for event in events:
        block, delta = event.get("content_block"), event.get("delta")
        if isinstance(block, dict):
            found.append(block.get("name"))
        if isinstance(delta, dict):
            found += [delta.get(name) for name in ("text", "thinking", "partial_json")]
    return ["".join(_strings(found))]


def texts_of_response(body: Mapping[str, Any]) -> list[str]:
    """The text of a Responses answer: output text, refusals, functions' names and arguments."""
    found: list[object] = []
    for item in dicts(body.get("output")):
        found += [item.get("name"), item.get("arguments")]
        for part in dicts(item.get("content")):
            found += [part.get("text"), part.get("refusal")]
    return ["".join(_strings(found))]


def texts_of_response_events(events: list[dict[str, Any]]) -> list[str]:
    found: list[object] = []
    for event in events:
        found.append(event.get("delta"))
        item = event.get("item")
        if event.get("type") == "response.output_item.added" and isinstance(item, dict):
            found.append(item.get("name"))
    return ["".join(_strings(found))]


def _strings(found: list[Any]) -> list[str]:
    return [text for text in found if isinstance(text, str)]


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list, whatever else may stand in it."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


# ---- how an answer ended ---------------------------------------------------------------------------------------------
def finish_reason(body: Mapping[str, Any]) -> str | None:
    for choice in dicts(body.get("choices")):
        if isinstance(reason := choice.get("finish_reason"), str):
            return clean(reason, 40)
    return None


def finish_of_message(body: Mapping[str, Any]) -> str | None:
    reason = body.get("stop_reason")
    return clean(reason, 40) if isinstance(reason, str) else None


def finish_of_response(body: Mapping[str, Any]) -> str | None:
    """Why it is incomplete, else its status."""
    details = body.get("incomplete_details")
    reason = (details.get("reason") if isinstance(details, dict) else None) or body.get("status")
    return clean(reason, 40) if isinstance(reason, str) else None


def tool_call_count(body: Mapping[str, Any]) -> int:
    messages = (choice.get("message") for choice in dicts(body.get("choices")))
    return sum(len(dicts(message.get("tool_calls"))) for message in messages if isinstance(message, dict))


def tools_of_message(body: Mapping[str, Any]) -> int:
    return sum(block.get("type") == "tool_use" for block in dicts(body.get("content")))


def tools_of_response(body: Mapping[str, Any]) -> int:
    return sum(item.get("type") in ("function_call", "custom_tool_call") for item in dicts(body.get("output")))


def started_tools(chunk: Mapping[str, Any]) -> set[tuple[object, object]]:
    """`(choice, tool)` numbers of the tool calls that begin in a chunk: the one with a name is a call's first."""
    return {
        (choice.get("index"), tool.get("index"))
        for choice in dicts(chunk.get("choices"))
        if isinstance(delta := choice.get("delta"), dict)
        for tool in dicts(delta.get("tool_calls"))
        if isinstance(function := tool.get("function"), dict) and function.get("name")
    }
