"""ConverseStream → events.

Source: Amazon Bedrock API reference, "ConverseStream": `messageStart`, then `contentBlockStart` (tools only),
`contentBlockDelta`, `contentBlockStop` per block, `messageStop` with the stop reason, `metadata` with the usage;
exceptions may come instead. The binary framing is read by botocore.
"""

import struct
from typing import TYPE_CHECKING, Any

import orjson

from gateway.dataplane.formats.bedrock.reply import SIGNER, STOPS, read_tier, read_usage
from gateway.dataplane.formats.ir import (
    Delta,
    Ended,
    Event,
    Failed,
    Json,
    PartEnd,
    PartKind,
    PartStart,
    Signed,
    Start,
    Stopped,
    UsageSeen,
)

if TYPE_CHECKING:
    from botocore.eventstream import EventStreamBuffer


class Reader:
    """Messages of the event stream → ours."""

    def __init__(self) -> None:
        self.is_broken = False
        self._buffer = new_buffer()
        self._parts: dict[object, tuple[int, PartKind]] = {}
        self._count = 0
        self._has_failed = False

    def feed(self, data: bytes) -> list[Event]:
        """A frame whose checksum is wrong ends the stream as failed: nothing after it can be trusted."""
        if self._has_failed or self.is_broken:
            return []
        found: list[Event] = []
        try:
            self._buffer.add_data(data)
            for message in self._buffer:
                found += self._message(message.headers, message.payload)
        except self._buffer_errors() as error:
            found.append(self._fail("invalid_stream", f"the event stream cannot be read ({type(error).__name__})"))
        return found

    def finish(self) -> list[Event]:
        return [PartEnd(index) for index, _ in self._parts.values()]

    @staticmethod
    def _buffer_errors() -> tuple[type[Exception], ...]:
        """A message may have right checksums and headers that are none: botocore lets those errors through."""
        from botocore.eventstream import ParserError

        return (ParserError, struct.error, KeyError, UnicodeDecodeError)

    def _message(self, headers: Json, payload: bytes) -> list[Event]:
        if self.is_broken:
            return []
        try:
            said = orjson.loads(payload) if payload else {}
        except orjson.JSONDecodeError:
            said = None
        if not isinstance(said, dict):
            self.is_broken = True
            return []
        if headers.get(":message-type") != "event":
            kind = headers.get(":exception-type") or headers.get(":error-code") or "exception"
            message = said.get("message") or headers.get(":error-message") or kind
            return [self._fail(str(kind), str(message))]
        return self._event(str(headers.get(":event-type")), said)

    def _fail(self, kind: str, message: str) -> Failed:
        self._has_failed = True
        return Failed(kind, message)

    def _event(self, name: str, said: Json) -> list[Event]:
        key = said.get("contentBlockIndex")
        if not isinstance(key, int):
            key = None
        match name:
            case "messageStart":
                return [Start()]
            case "contentBlockStart":
                return self._block_start(key, _object(said.get("start")))
            case "contentBlockDelta":
                return self._block_delta(key, _object(said.get("delta")))
            case "contentBlockStop":
                part = self._parts.pop(key, None)
                return [PartEnd(part[0])] if part is not None else []
            case "messageStop":
                word = str(said.get("stopReason") or "")
                return [Stopped(STOPS.get(word, "other"), word)]
            case "metadata":
                usage = read_usage(said.get("usage"))
                seen: list[Event] = [UsageSeen(usage, read_tier(said))] if usage is not None else []
                return [*seen, Ended()]
        return []

    def _open(self, key: object, start: PartStart) -> list[Event]:
        """A block begins: tools say so, other blocks begin with their first delta."""
        start.index = self._count
        self._parts[key] = (start.index, start.kind)
        self._count += 1
        return [start]

    def _block_start(self, key: object, start: Json) -> list[Event]:
        call = start.get("toolUse")
        if not isinstance(call, dict) or call.get("type"):
            return []
        identity, name = str(call.get("toolUseId") or ""), str(call.get("name") or "")
        return self._open(key, PartStart(0, "tool_use", identity, name))

    def _block_delta(self, key: object, delta: Json) -> list[Event]:
        call, reasoning = delta.get("toolUse"), delta.get("reasoningContent")
        if isinstance(call, dict):
            part = self._parts.get(key)
            text = call.get("input")
            return [Delta(part[0], text)] if part is not None and isinstance(text, str) and text else []
        if isinstance(reasoning, dict):
            return self._reasoning(key, reasoning)
        text = delta.get("text")
        if not isinstance(text, str) or not text:
            return []
        opened = [] if key in self._parts else self._open(key, PartStart(0, "text"))
        return [*opened, Delta(self._parts[key][0], text)]

    def _reasoning(self, key: object, reasoning: Json) -> list[Event]:
        """The vendor of unsigned reasoning is not known before its end, which is when it does not matter any more."""
        if isinstance(redacted := reasoning.get("redactedContent"), str):
            index = self._count
            self._count += 1
            return [PartStart(index, "redacted_thinking", redacted=redacted, vendor=SIGNER), PartEnd(index)]
        opened = [] if key in self._parts else self._open(key, PartStart(0, "thinking", vendor=SIGNER))
        index = self._parts[key][0]
        if isinstance(text := reasoning.get("text"), str) and text:
            return [*opened, Delta(index, text)]
        if isinstance(signature := reasoning.get("signature"), str):
            return [*opened, Signed(index, signature, SIGNER)]
        return opened


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def new_buffer() -> "EventStreamBuffer":
    """botocore is imported here, by the first process that reads such a stream."""
    from botocore.eventstream import EventStreamBuffer

    return EventStreamBuffer()


def reader() -> Reader:
    return Reader()
