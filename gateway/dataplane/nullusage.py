"""Taking `"usage":null` out of the chunks of a stream, byte for byte. Pure.

Upstreams write it into every chunk when they were asked for usage; a caller who did not ask does not know it.
"""

import re
from itertools import islice
from typing import Any

from gateway.dataplane import jsonsplice, sse

MAX_LOOKED_AT = 8
# A member `usage` with the comma that goes with it. Inside a string its first quotation mark would be escaped.
_MEMBER = re.compile(
    rb',[ \t]*"usage"[ \t]*:[ \t]*null(?=[ \t]*[,}])|(?<=\{)[ \t]*"usage"[ \t]*:[ \t]*null[ \t]*,[ \t]*'
)
# The same where vendors write it: last in its chunk, or followed by plain values alone. The blank line ends the event,
# so the brace before it ends the chunk's JSON, and the member is the chunk's own.
_LAST_MEMBER = re.compile(
    rb',[ \t]*"usage"[ \t]*:[ \t]*null((?:[ \t]*,[ \t]*"\w+"[ \t]*:[ \t]*(?:"[^"\\\r\n]*"|[\w.+-]+))*'
    rb"[ \t]*\}(?:\r\n\r\n|\n\n|\r\r))"
)


def without_last(data: bytes) -> bytes:
    """Whole events without the member where it is the last one of its chunk but for plain values: nearly all there
    are, at a fraction of the cost of parsing."""
    return _LAST_MEMBER.sub(rb"\1", data)


def without(event: bytes, chunk: dict[str, Any]) -> bytes:
    """One event without the member, wherever it stands; all other bytes stay, a `usage` deeper down too.

    `chunk` is what the event says, and has the member. The event is returned as it is when its data has several lines,
    or when the member is not among the first `MAX_LOOKED_AT` that look like it.
    """
    data = sse.data_of(event)
    if data not in event:
        return event
    rest = {name: value for name, value in chunk.items() if name != "usage"}
    for found in islice(_MEMBER.finditer(data), MAX_LOOKED_AT):
        shorter = event.replace(data, data[: found.start()] + data[found.end() :], 1)
        if sse.load(shorter) == rest:
            return shorter
    return event


def without_figures(event: bytes, chunk: dict[str, Any]) -> bytes:
    """The same for a chunk that carries text and running figures: some vendors count in every chunk."""
    data = sse.data_of(event)
    if data not in event:
        return event
    nulled = event.replace(data, jsonsplice.splice(data, {"usage": None}, chunk), 1)
    return without(nulled, {**chunk, "usage": None})
