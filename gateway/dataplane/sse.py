"""Server-sent events as bytes: where one ends, and what it carries. Pure.

Wire format: WHATWG HTML, section "Server-sent events"; OpenAI ends a stream with `data: [DONE]`.
"""

import re
from typing import Any

import orjson

from gateway.dataplane.errors import UpstreamError

# An event ends with a blank line; line ends are LF, CRLF or CR.
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA_LINE = re.compile(rb"^data:[ ]?(.*)$", re.MULTILINE)
_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LONGEST_END = 4
DONE = b"[DONE]"
MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Images come in events of several MB; what is longer would be kept in memory for nothing."""


def data_of(event: bytes) -> bytes:
    """The data of one event: its `data:` lines joined by newlines."""
    return b"\n".join(line.rstrip(b"\r") for line in _DATA_LINE.findall(event.replace(b"\r\n", b"\n")))


class Splitter:
    """Whole events out of pieces of any size; only the incomplete tail of an event waits for its end."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> bytes:
        """All events that are complete now, as they came. Raises `UpstreamError` when one grows past
        `MAX_EVENT_BYTES`. Every byte is looked at once, however small the pieces are."""
        pending = self._pending
        if not pending:
            if data.endswith(_ENDS):
                return data
            end = _last_end(data, 0)
            pending += data[end:]
            return data[:end]
        looked_at = max(0, len(pending) - _LONGEST_END + 1)
        pending += data
        end = _last_end(pending, looked_at)
        if not end and len(pending) > MAX_EVENT_BYTES:
            raise UpstreamError("response_too_large", f"one event of the stream is longer than {MAX_EVENT_BYTES} bytes")
        out = bytes(pending[:end])
        del pending[:end]
        return out

    def rest(self) -> bytes:
        """An unterminated last event."""
        rest = bytes(self._pending)
        self._pending.clear()
        return rest


def _last_end(data: bytes | bytearray, start: int) -> int:
    """Behind the last blank line from `start` on; 0 without one."""
    end = 0
    for match in _END.finditer(data, start):
        end = match.end()
    return end


def terminated(rest: bytes) -> bytes:
    """A last event whose blank line is missing, with it; nothing when the stream was cut inside of it."""
    if load(rest) is None and data_of(rest).strip() != DONE:
        return b""
    return rest.rstrip(b"\r\n") + b"\n\n"


def events(data: bytes) -> list[bytes]:
    """`data` cut into events, each with its end; what follows the last end is one too."""
    found, start = [], 0
    for match in _END.finditer(data):
        found.append(data[start : match.end()])
        start = match.end()
    if start < len(data):
        found.append(data[start:])
    return found


def load(event: bytes) -> dict[str, Any] | None:
    """The JSON object an event carries; None for anything else."""
    try:
        value = orjson.loads(data_of(event))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def is_damaged(event: bytes) -> bool:
    """Whether a whole event carries data that is neither a JSON object nor the end mark."""
    if event.startswith(b"data:"):
        try:  # nearly always one line of data, and JSON lets white space follow
            return orjson.loads(event[5:]).__class__ is not dict
        except orjson.JSONDecodeError:
            pass
    data = data_of(event).strip()
    return bool(data) and data != DONE and load(event) is None


def sound_part(data: bytes) -> bytes:
    """Whole events up to the first one that is damaged."""
    if data.startswith(b"data:") and data.count(b"data:") == 1 and not is_damaged(data):
        return data
    end = 0
    for event in events(data):
        if is_damaged(event):
            return data[:end]
        end += len(event)
    return data


def objects(data: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a whole stream, damaged ones left out."""
    found = (load(event) for event in events(data))
    return [value for value in found if value is not None]
