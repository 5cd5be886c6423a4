"""The stage that gives a call its place in a trace, and hands what happened to the exporter. Memory only."""

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from gateway.dataplane.call import Call
from gateway.dataplane.protocols import Line
from gateway.otlp import context
from gateway.otlp.context import TraceContext

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime
    from gateway.dataplane.settle import Attempt, Outcome
    from gateway.otlp.exporter import Exporter

_random = random.Random()  # noqa: S311  (samples, guards nothing)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """A settled attempt; `kind` is the provider's, the address its host and port."""

    trace: TraceContext
    attempt_id: str
    started_ms: int
    number: int
    kind: str
    model: str
    address: str
    port: int
    line: Line


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A call that is over. `error` is the refusal's status and code."""

    trace: TraceContext
    started_ns: int
    ended_ns: int
    path: str
    request_id: str
    model: str
    is_stream: bool
    attempts: int
    cache_status: str | None
    error: tuple[int, str] | None
    line: Line | None


def trace(call: Call, runtime: "Runtime") -> None:
    """Continue the caller's trace, or begin one; what is not exported is passed on as it came."""
    found = context.parse(call.headers.get(b"traceparent"), call.headers.get(b"tracestate"))
    exporter: Any = runtime.services.get("otlp")
    if exporter is not None and exporter.is_on:
        found = found or context.new_trace(is_sampled=_random.random() < settings.GATEWAY_OTLP_SAMPLE_RATIO)
        found.span_id = context.new_span_id()
        _Recorder(call, found, exporter)
    call.trace = found


class _Recorder:
    """Watches one call; two hooks, nothing that waits."""

    __slots__ = ("_call", "_exporter", "_line", "_trace")

    def __init__(self, call: Call, found: TraceContext, exporter: "Exporter") -> None:
        self._call = call
        self._trace = found
        self._exporter = exporter
        self._line: Line | None = None
        call.settled.append(self._settled)
        call.ended.append(self._ended)

    def _settled(self, attempt: "Attempt", outcome: "Outcome", line: Line) -> None:
        self._line = line
        provider = attempt.target.provider
        self._exporter.kinds[provider.slug] = provider.kind
        if self._trace.is_sampled:
            self._exporter.add(
                AttemptRecord(
                    self._trace, attempt.id, attempt.ms, self._call.attempts, provider.kind,
                    attempt.target.upstream_name, provider.origin.host, provider.origin.port, line,
                )
            )  # fmt: skip

    def _ended(self) -> None:
        if not self._trace.is_sampled:
            return
        call, error = self._call, self._call.error
        self._exporter.add(
            RequestRecord(
                self._trace, call.started_ns, time.time_ns(), call.endpoint.path, call.request_id, call.model,
                call.is_stream, call.attempts, call.cache_status, (error.status, error.code) if error else None,
                self._line,
            )
        )  # fmt: skip
