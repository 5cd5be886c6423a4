"""Server-sent events as bytes: where one ends, and what it carries. Pure.

Wire format: WHATWG HTML, section "Server-sent events"; OpenAI ends a stream with `data: [DONE]`.
"""

import re
from typing import Any

import orjson

# An event ends with a blank line; line ends are LF, CRLF or CR.
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA_LINE = re.compile(rb"^data:[ ]?(.*)$", re.MULTILINE)
DONE = b"[DONE]"


def data_of(event: bytes) -> bytes:
    """The data of one event: its `data:` lines joined by newlines."""
    return b"\n".join(line.rstrip(b"\r") for line in _DATA_LINE.findall(event.replace(b"\r\n", b"\n")))


class Splitter:
    """Whole events out of pieces of any size; only the incomplete tail of an event waits for its end."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> bytes:
        """All events that are complete now, as they came."""
        if self._pending:
            data = self._pending + data
            self._pending = b""
        if data.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")):
            return data
        end = 0
        for match in _END.finditer(data):
            end = match.end()
        self._pending = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """An unterminated last event."""
        rest, self._pending = self._pending, b""
        return rest


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


def objects(data: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a whole stream, damaged ones left out."""
    found = (load(event) for event in events(data))
    return [value for value in found if value is not None]
