"""W3C Trace Context: the caller's trace is continued, upstream too (Recommendation "Trace Context", §3.2, §3.3)."""

import os
import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
SAMPLED = 0x01
MAX_TRACESTATE_BYTES = 512


@dataclass(slots=True)
class TraceContext:
    """One call's place in its trace. Ids are lower-case hexadecimal. `span_id` is the gateway's own span, empty when it
    exports none: then the caller's header goes upstream as it came."""

    trace_id: str
    parent_id: str
    flags: int
    state: bytes = b""
    span_id: str = ""

    @property
    def is_sampled(self) -> bool:
        return bool(self.flags & SAMPLED)

    def inject(self, request: bytes, attempt_id: str) -> bytes:
        """The HTTP request with the headers of this trace behind its first line."""
        parent = attempt_span(attempt_id) if self.span_id else self.parent_id
        lines = b"\r\ntraceparent: " + f"00-{self.trace_id}-{parent}-{self.flags:02x}".encode()
        if self.state:
            lines += b"\r\ntracestate: " + self.state
        end = request.index(b"\r\n")
        return request[:end] + lines + request[end:]


def attempt_span(attempt_id: str) -> str:
    """The span id of an attempt: the random half of its UUID, so that line and span can be found by each other."""
    return attempt_id.replace("-", "")[16:]


def parse(traceparent: bytes | None, tracestate: bytes | None) -> TraceContext | None:
    """The caller's context; None without a valid one. A later version's header is read as far as this one goes."""
    match = _TRACEPARENT.fullmatch(traceparent.strip()) if traceparent else None
    if match is None:
        return None
    version, trace_id, parent_id, flags = (part.decode() for part in match.groups())
    if version == "ff" or not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    state = tracestate.strip() if tracestate and len(tracestate) <= MAX_TRACESTATE_BYTES else b""
    clean = state if not any(byte < 0x20 or byte == 0x7F for byte in state) else b""
    return TraceContext(trace_id, parent_id, int(flags, 16), clean)


def new_trace(*, is_sampled: bool) -> TraceContext:
    """A trace that begins here."""
    return TraceContext(os.urandom(16).hex(), "", SAMPLED if is_sampled else 0)


def new_span_id() -> str:
    return os.urandom(8).hex()
