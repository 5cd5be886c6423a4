"""Serving an entry, and keeping one: the two ends of the response cache that touch the client's bytes."""

import time
from typing import TYPE_CHECKING

import orjson

from gateway.dataplane import call as call_module
from gateway.dataplane.cache.entry import Entry
from gateway.dataplane.call import Call
from gateway.dataplane.clientside import Collected, seal
from gateway.dataplane.endpoints import stream_end
from gateway.dataplane.protocols import Line, Send
from gateway.dataplane.settle import Outcome, request_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.dataplane.runtime import Runtime

HIT = "hit"
MISS = "miss"


class Recorder:
    """Tap: keeps what the client is sent, and hands it over when the answer was complete and successful."""

    def __init__(self, call: Call, limit_bytes: int, keep: "Callable[[Entry], None]") -> None:
        self._call = call
        self._keep = keep
        self._collected = Collected(limit_bytes)
        self.piece = self._collected.add

    def finished(self, outcome: Outcome, line: Line) -> None:
        if outcome.status != "ok" or not self._collected.size or not self._collected.fits:
            return
        self._keep(
            Entry(
                stored_at=time.time(),
                content_type="text/event-stream; charset=utf-8" if self._call.is_stream else "application/json",
                provider=line["provider"],
                model=line["model_served"],
                finish_reason=outcome.finish_reason,
                tool_calls=outcome.tool_calls,
                list_cost=line["list_cost"],
                body=self._collected.bytes(),
            )
        )


def serve(call: Call, entry: Entry, runtime: "Runtime") -> None:
    """Let the call be answered with `entry`: its line is journalled first, before a byte leaves."""

    async def respond(send: Send) -> None:
        line = _book(call, entry, runtime)
        for tap in call.taps:
            tap.piece(entry.body)
            tap.finished(Outcome("ok", 200, finish_reason=entry.finish_reason), line)
        end = b""
        if call.is_stream:
            note = orjson.dumps({"cost": "0", "request_id": call.request_id})
            end = b": gateway %b\n\n%b" % (note, stream_end(call.endpoint.dialect))
        body = entry.body + end
        headers = _headers(call, entry, len(body))
        if call.sealing:
            await seal(call, 200, headers, end)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    call.cache_status = HIT
    call.responder = respond


def _book(call: Call, entry: Entry, runtime: "Runtime") -> Line:
    """A line of kind `cache_hit`: nothing was consumed, so no tokens and no cost; `list_cost` is what the answer cost
    when a provider gave it, which is what the cache saved. Raises `SpoolFullError`."""
    line_id = call_module.new_id(time.time_ns() // 1_000_000)
    line = request_columns(call) | {
        "id": line_id,
        "kind": "cache_hit",
        "status": "ok",
        "http_status": 200,
        "provider": entry.provider,
        "model_served": entry.model,
        "usage_source": "reported",
        "cost": "0",
        "list_cost": entry.list_cost,
        "price_status": "free",
        "finish_reason": entry.finish_reason,
        "duration_ms": round((time.perf_counter() - call.clock) * 1000, 3),
    }
    runtime.spool.line(line_id, orjson.dumps(line))
    runtime.metrics.settled("ok", line)
    return line


def _headers(call: Call, entry: Entry, length: int) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", entry.content_type.encode()),
        (b"content-length", str(length).encode()),
        (b"x-request-id", call.request_id.encode()),
        (b"x-gateway-provider", entry.provider.encode()),
        (b"x-gateway-model", entry.model.encode("utf-8")),
        (b"x-gateway-cache", HIT.encode()),
        (b"x-gateway-cost", b"0"),
        (b"x-gateway-attempts", b"0"),
        (b"age", str(int(entry.age_s)).encode()),
        *call.response_headers,
    ]
