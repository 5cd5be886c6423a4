"""Spans of the processes beside the data plane: console, background work, ledger writer. Memory only.

Off without `GATEWAY_OTLP_ENDPOINT`: then nothing is made here and no thread is started. One exporter a process, begun
by the first span that is sampled, so that a process that forks before has none to share.
"""

import atexit
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from structlog.contextvars import bound_contextvars

from gateway.otlp import context
from gateway.otlp.context import TraceContext

if TYPE_CHECKING:
    from gateway.otlp.sender import Sender

Process = Literal["console", "background", "writer"]
Kind = Literal["internal", "server", "consumer"]
current: ContextVar[TraceContext | None] = ContextVar("trace", default=None)
"""The trace that this request or task is part of."""
_random = random.Random()  # noqa: S311  (samples, guards nothing)
_lock = threading.Lock()
_sender: "Sender | None" = None


@dataclass(slots=True)
class Span:
    """A piece of work. `fail` says why it failed; `end` hands it to the exporter, if its trace is sampled."""

    process: Process
    kind: Kind
    name: str
    trace: TraceContext
    attributes: dict[str, Any] = field(default_factory=dict)
    started_ns: int = field(default_factory=time.time_ns)
    ended_ns: int = 0
    is_failed: bool = False

    def fail(self, reason: str) -> None:
        """`reason`: an exception's name or a status; never its text, which may hold anything."""
        self.is_failed = True
        self.attributes["error.type"] = reason

    def end(self) -> None:
        self.ended_ns = time.time_ns()
        if self.trace.is_sampled:
            _exporter(self.process).add(self)


def begin(process: Process, kind: Kind, name: str, *, parent: Any = None, state: Any = None) -> Span | None:
    """A span in the trace of these `traceparent` and `tracestate`, or in a new one; None while nothing is exported."""
    if not settings.GATEWAY_OTLP_ENDPOINT:
        return None
    found = context.parse(_header(parent), _header(state))
    found = found or context.new_trace(is_sampled=_random.random() < settings.GATEWAY_OTLP_SAMPLE_RATIO)
    found.span_id = context.new_span_id()
    return Span(process, kind, name, found)


@contextmanager
def spanning(process: Process, name: str) -> Iterator[Span | None]:
    """A piece of work that begins a trace of its own; log lines have the trace's id."""
    span = begin(process, "internal", name)
    if span is None:
        yield None
        return
    token = current.set(span.trace)
    try:
        with bound_contextvars(trace_id=span.trace.trace_id):
            yield span
    except BaseException as error:
        span.fail(type(error).__name__)
        raise
    finally:
        current.reset(token)
        span.end()


def headers() -> dict[str, str]:
    """What makes the receiver's work part of the current trace; empty outside of one."""
    trace = current.get()
    if trace is None:
        return {}
    found = {"traceparent": f"00-{trace.trace_id}-{trace.span_id}-{trace.flags:02x}"}
    if trace.state:
        found["tracestate"] = trace.state.decode("latin-1")
    return found


def close() -> None:
    """Send what waits, for two seconds at most. Spans that end later begin a new exporter."""
    global _sender
    with _lock:
        closing, _sender = _sender, None
    if closing is not None:
        closing.close()


def _header(value: Any) -> bytes | None:
    return value.encode("latin-1", "replace") if isinstance(value, str) else None


def _exporter(process: Process) -> "Sender":
    global _sender
    with _lock:
        if _sender is None:
            from gateway.otlp.sender import Sender  # only a process that exports pays for it

            _sender = Sender(process)
        return _sender


def _forget() -> None:
    """In a child of a fork: the exporter's thread is the parent's, and so are the spans that wait."""
    global _sender, _lock
    _sender, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
atexit.register(close)
