"""Server-sent events on their way past: whole events are forwarded at once, the usage event is read and may be hidden.

Wire format: WHATWG HTML, section "Server-sent events"; OpenAI ends a stream with `data: [DONE]`.
"""

import re
from typing import Any

import orjson

# An event ends with a blank line; line ends are LF, CRLF or CR.
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_DATA_LINE = re.compile(rb"^data:[ ]?(.*)$", re.MULTILINE)
DONE = b"[DONE]"
KEPT_BYTES = 4 * 1024 * 1024


def data_of(event: bytes) -> bytes:
    """The data of one event: its `data:` lines joined by newlines."""
    return b"\n".join(line.rstrip(b"\r") for line in _DATA_LINE.findall(event.replace(b"\r\n", b"\n")))


class StreamWatcher:
    """Looks at an OpenAI stream as it passes.

    `feed` returns what may be forwarded now. Only the incomplete tail of an event waits for its end. The event
    `[DONE]` is held back (`tail`) so that the call can be settled before the last byte leaves.
    """

    def __init__(self, *, hide_usage: bool) -> None:
        self.hide_usage = hide_usage
        self.usage: dict[str, Any] | None = None
        self.last_chunk: dict[str, Any] | None = None
        self.has_error = False
        self.is_done = False
        self.tail = b""
        self.kept: list[bytes] = []
        self._kept_size = 0
        self._pending = b""

    def feed(self, data: bytes) -> bytes:
        """Bytes to forward now, in order; never re-ordered, never changed."""
        if self._kept_size < KEPT_BYTES:  # for counting tokens locally, should the vendor report none
            self.kept.append(data)
            self._kept_size += len(data)
        if self._pending:
            data = self._pending + data
            self._pending = b""
        if not data.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")):
            data = self._hold_incomplete(data)
        if DONE in data or _USAGE.search(data) is not None or b'"error"' in data:
            return b"".join(filter(None, map(self._look, _events(data))))
        return data

    def finish(self) -> bytes:
        """What is left when the upstream ended: an unterminated last event, forwarded as it is."""
        rest, self._pending = self._pending, b""
        return self._look(rest) if rest else b""

    def _hold_incomplete(self, data: bytes) -> bytes:
        end = 0
        for match in _END.finditer(data):
            end = match.end()
        self._pending = data[end:]
        return data[:end]

    def _look(self, event: bytes) -> bytes:
        data = data_of(event)
        if data.strip() == DONE:
            self.is_done = True
            self.tail += event
            return b""
        chunk = _loads(data)
        if chunk is None:
            return event
        self.has_error = self.has_error or isinstance(chunk.get("error"), dict)
        usage = chunk.get("usage")
        if not isinstance(usage, dict):
            return event
        self.usage, self.last_chunk = usage, chunk
        return b"" if self.hide_usage and chunk.get("choices") == [] else event


def _events(data: bytes) -> list[bytes]:
    found, start = [], 0
    for match in _END.finditer(data):
        found.append(data[start : match.end()])
        start = match.end()
    if start < len(data):
        found.append(data[start:])
    return found


def _loads(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def chunks_of(kept: list[bytes]) -> list[dict[str, Any]]:
    """The JSON chunks of a kept stream, damaged ones left out."""
    found = (_loads(data_of(event)) for event in _events(b"".join(kept)))
    return [chunk for chunk in found if chunk is not None]
