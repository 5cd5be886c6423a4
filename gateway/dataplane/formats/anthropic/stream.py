"""Messages streams ⇄ events.

Source: Anthropic API documentation, "Streaming messages": `message_start`, then `content_block_start`, `…_delta`,
`…_stop` per block, `message_delta` with the stop reason and cumulative usage, `message_stop`; `ping` and `error` may
come anywhere.
"""

from typing import Any

import orjson

from gateway.dataplane.formats.anthropic.reply import STOPS, read_usage, word_of, write_usage
from gateway.dataplane.formats.anthropic.request import HOME
from gateway.dataplane.formats.anthropic.writing import JSON_TOOL, clean_id
from gateway.dataplane.formats.events import EventReader
from gateway.dataplane.formats.ir import (
    Delta,
    Ended,
    Event,
    Failed,
    Json,
    PartEnd,
    PartKind,
    PartStart,
    Prompt,
    Signed,
    Start,
    Stopped,
    Usage,
    UsageSeen,
)
from gateway.dataplane.formats.seals import seal

DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class Reader(EventReader):
    """Named events → ours. Blocks of hosted tools have no counterpart and are passed over."""

    def __init__(self) -> None:
        super().__init__()
        self._usage: Json = {}
        self._parts: dict[object, tuple[int, PartKind]] = {}
        self._count = 0
        self._has_tools = False

    def close(self) -> list[Event]:
        return [PartEnd(index) for index, _ in self._parts.values()]

    def read(self, said: Json) -> list[Event]:
        match said.get("type"):
            case "message_start":
                return self._message_start(_object(said.get("message")))
            case "content_block_start":
                return self._block_start(said.get("index"), _object(said.get("content_block")))
            case "content_block_delta":
                return self._block_delta(said.get("index"), _object(said.get("delta")))
            case "content_block_stop":
                part = self._parts.pop(said.get("index"), None)
                return [PartEnd(part[0])] if part is not None else []
            case "message_delta":
                return self._message_delta(_object(said.get("delta")), _object(said.get("usage")))
            case "message_stop":
                return [Ended()]
            case "error":
                error = _object(said.get("error"))
                return [Failed(str(error.get("type") or "api_error"), str(error.get("message") or ""))]
        return []

    def _message_start(self, message: Json) -> list[Event]:
        start = Start(str(message.get("id") or ""), str(message.get("model") or ""))
        return [start, *self._see_usage(_object(message.get("usage")))]

    def _see_usage(self, usage: Json) -> list[Event]:
        """Values are cumulative; a zero or missing one takes nothing back."""
        self._usage |= {name: value for name, value in usage.items() if value}
        seen = read_usage(self._usage)
        tier = self._usage.get("service_tier")
        return [UsageSeen(seen, tier if isinstance(tier, str) else None)] if seen is not None else []

    def _block_start(self, key: object, block: Json) -> list[Event]:
        start = PartStart(self._count, "text")
        first: list[Event] = []
        match block.get("type"):
            case "text":
                first = [Delta(self._count, block["text"])] if block.get("text") else []
            case "tool_use":
                name = str(block.get("name") or "")
                if name != JSON_TOOL:
                    self._has_tools = True
                    start = PartStart(self._count, "tool_use", str(block.get("id") or ""), name)
                if block.get("input"):
                    first = [Delta(self._count, orjson.dumps(block["input"]).decode())]
            case "thinking":
                start = PartStart(self._count, "thinking", vendor=HOME)
                first = [Delta(self._count, block["thinking"])] if block.get("thinking") else []
            case "redacted_thinking":
                data = str(block.get("data") or "")
                start = PartStart(self._count, "redacted_thinking", redacted=data, vendor=HOME)
            case _:
                return []
        self._parts[key] = (self._count, start.kind)
        self._count += 1
        return [start, *first]

    def _block_delta(self, key: object, delta: Json) -> list[Event]:
        part = self._parts.get(key)
        if part is None:
            return []
        if delta.get("type") == "signature_delta":
            return [Signed(part[0], str(delta.get("signature") or ""), HOME)]
        text = delta.get(DELTAS.get(str(delta.get("type")), ""))
        return [Delta(part[0], text)] if isinstance(text, str) and text else []

    def _message_delta(self, delta: Json, usage: Json) -> list[Event]:
        found = self._see_usage(usage)
        word = delta.get("stop_reason")
        if isinstance(word, str):
            stop = STOPS.get(word, "other")
            if stop == "tool_use" and not self._has_tools:
                stop = "end"
            found.append(Stopped(stop, word, str(delta.get("stop_sequence") or "")))
        return found


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


class Writer:
    """Events → named events. The stop reason waits for the usage, which other vendors send last."""

    def __init__(self, prompt: Prompt) -> None:
        self._model = prompt.model
        self._usage = Usage()
        self._tier: str | None = None
        self._stop: Stopped | None = None
        self._kinds: dict[int, PartKind] = {}
        self._has_failed = False

    def write(self, events: list[Event]) -> bytes:
        return b"".join(self._write(event) for event in events if getattr(event, "choice", 0) == 0)

    def close(self) -> bytes:
        if self._has_failed:
            return b""
        stop = self._stop or Stopped("end")
        word = word_of(stop.stop, has_sequence=bool(stop.sequence))
        delta = {"stop_reason": word, "stop_sequence": stop.sequence or None}
        usage = write_usage(self._usage, self._tier)
        return named("message_delta", {"delta": delta, "usage": usage})

    def _write(self, event: Event) -> bytes:
        if self._has_failed:  # nothing follows an error
            return b""
        match event:
            case Start():
                return self._start(event)
            case PartStart():
                self._kinds[event.index] = event.kind
                return named("content_block_start", {"index": event.index, "content_block": _block(event)})
            case Delta():
                return self._delta(event)
            case Signed() if self._kinds[event.index] == "thinking":
                delta = {"type": "signature_delta", "signature": seal(event.signature, event.vendor, HOME)}
                return named("content_block_delta", {"index": event.index, "delta": delta})
            case PartEnd():
                return named("content_block_stop", {"index": event.index})
            case Stopped():
                self._stop = event
            case UsageSeen():
                self._usage, self._tier = event.usage, event.service_tier or self._tier
            case Failed():
                self._has_failed = True
                return named("error", {"error": {"type": "api_error", "message": event.message}})
        return b""

    def _start(self, event: Start) -> bytes:
        self._model = event.model or self._model
        message: dict[str, Any] = {
            "id": event.id, "type": "message", "role": "assistant", "model": self._model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": write_usage(self._usage, None),
        }  # fmt: skip
        return named("message_start", {"message": message})

    def _delta(self, event: Delta) -> bytes:
        kind = self._kinds[event.index]
        if kind == "tool_use":
            delta = {"type": "input_json_delta", "partial_json": event.text}
        elif kind == "thinking":
            delta = {"type": "thinking_delta", "thinking": event.text}
        else:
            delta = {"type": "text_delta", "text": event.text}
        return named("content_block_delta", {"index": event.index, "delta": delta})


def _block(event: PartStart) -> Json:
    if event.kind == "tool_use":
        return {"type": "tool_use", "id": clean_id(event.id), "name": event.name, "input": {}}
    if event.kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    if event.kind == "redacted_thinking":
        return {"type": "redacted_thinking", "data": seal(event.redacted, event.vendor, HOME)}
    return {"type": "text", "text": ""}


def named(name: str, said: Json) -> bytes:
    """One event whose data repeats its name as `type`."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"type": name, **said}))


def reader() -> Reader:
    return Reader()


def writer(prompt: Prompt) -> Writer:
    return Writer(prompt)
