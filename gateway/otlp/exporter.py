"""Spans and metrics to an OTLP/HTTP endpoint, off without `GATEWAY_OTLP_ENDPOINT`. Never on the way of a call.

Records wait in a bounded queue; what does not fit is dropped and counted. Encoding runs in a thread, sending over the
data plane's own client, so private addresses are refused unless they are allowed and no redirect is followed.
Source: OTLP specification 1.x, "OTLP/HTTP Request", "Failures" (429, 502, 503 and 504 are sent again, others not).
"""

import asyncio
import gzip
import importlib
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings

from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.exposition import gauge, head
from gateway.dataplane.upstream import Origin, Timeouts
from gateway.otlp.endpoint import Endpoint
from gateway.otlp.tracing import AttemptRecord, RequestRecord

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
QUEUE = 20_000
BATCH = 512
FLUSH_S = 1.0
TRIES = 4
FIRST_DELAY_S = 1.0
CLOSE_WITHIN_S = 2.0
ANSWER_BYTES = 64 * 1024
REPEATED = frozenset({429, 502, 503, 504})
TIMEOUTS = Timeouts(connect=3, first_byte=10, idle=10, total=15)
Record = AttemptRecord | RequestRecord


class Exporter:
    """A service; `is_on` tells the stage whether to record anything."""

    name = "otlp"

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self.is_on = bool(settings.GATEWAY_OTLP_ENDPOINT)
        self.kinds: dict[str, str] = {}
        self._queue: deque[Record] = deque()
        self._spans: Counter[str] = Counter()
        self._started_ns = time.time_ns()
        self._next_metrics = 0.0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._endpoint = Endpoint()
        self._is_closing = False
        self._resource = {
            "service.name": settings.GATEWAY_OTLP_SERVICE_NAME,
            "service.instance.id": runtime.id,
            "telemetry.sdk.name": "llm-gateway",
            "telemetry.sdk.language": "python",
        }

    def add(self, record: Record) -> None:
        """Queue what happened. A full queue drops it: the endpoint is slower than the traffic, or away."""
        if len(self._queue) >= QUEUE:
            self._spans["dropped"] += 1
            return
        self._queue.append(record)
        if len(self._queue) >= BATCH:
            self._wake.set()

    # ---- service -------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        if self.is_on:
            # protobuf's import takes its time: now, and not when the first batch is due
            await asyncio.to_thread(importlib.import_module, "gateway.otlp.encoding")
            self._next_metrics = time.monotonic() + settings.GATEWAY_OTLP_METRICS_INTERVAL_S
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Send what waits, within two seconds: stopping must not hang on somebody else's endpoint."""
        if self._task is None:
            return
        self._is_closing = True
        self._wake.set()
        done, _ = await asyncio.wait([self._task], timeout=CLOSE_WITHIN_S)
        if not done:
            self._task.cancel()
            logger.warning("the last spans and metrics were not exported in time")

    def report(self) -> dict[str, Any]:
        return {"otlp_queue": len(self._queue)} if self.is_on else {}

    def metrics(self) -> list[str]:
        lines = head("gateway_otlp_exported_spans_total", "counter", "Spans sent to the OTLP endpoint, or given up.")
        results = ("sent", "failed", "dropped")
        lines += [f'gateway_otlp_exported_spans_total{{result="{name}"}} {self._spans[name]}' for name in results]
        return lines + gauge("gateway_otlp_queue", len(self._queue), "Spans that wait to be exported.")

    # ---- the background ------------------------------------------------------------------------------------------
    async def _run(self) -> None:
        while not self._is_closing:
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._flush()
            except Exception:
                logger.exception("the OTLP exporter failed and goes on")

    async def _flush(self) -> None:
        while self._queue:
            await self._send_spans()
        if self._is_closing or time.monotonic() >= self._next_metrics:
            self._next_metrics = time.monotonic() + settings.GATEWAY_OTLP_METRICS_INTERVAL_S
            await self._send_metrics()

    async def _send_spans(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        from gateway.otlp import encoding  # protobuf: only a process that exports pays for it

        body = await asyncio.to_thread(_packed, encoding.traces, batch, self._resource)
        is_sent = await self._post("/v1/traces", body)
        self._spans["sent" if is_sent else "failed"] += len(batch)

    async def _send_metrics(self) -> None:
        from gateway.otlp import encoding

        window = encoding.Window(self._started_ns, time.time_ns())
        # Encoded here and not in a thread: the counters change with every call.
        body = encoding.metrics(self._runtime.metrics.series, self.kinds, self._resource, window)
        await self._post("/v1/metrics", await asyncio.to_thread(gzip.compress, body, 1))

    async def _post(self, path: str, body: bytes) -> bool:
        """Whether the endpoint took it."""
        reason = ""
        for attempt in range(TRIES):
            if attempt and not self._is_closing:
                await asyncio.sleep(FIRST_DELAY_S * 2 ** (attempt - 1))
            try:
                status = await self._once(path, body)
            except (UpstreamError, ValueError) as error:
                reason = str(error)
                continue
            if 200 <= status < 300:
                self._endpoint.takes()
                return True
            reason = f"status {status}"
            if status not in REPEATED:
                break
        self._endpoint.refuses(reason)
        return False

    async def _once(self, path: str, body: bytes) -> int:
        origin, prefix = Origin.of(settings.GATEWAY_OTLP_ENDPOINT)
        head_lines = [
            f"POST {prefix}{path} HTTP/1.1", f"host: {origin.authority}", "content-type: application/x-protobuf",
            "content-encoding: gzip", f"content-length: {len(body)}", "user-agent: llm-gateway",
            *(f"{name}: {value}" for name, value in settings.GATEWAY_OTLP_HEADERS.items()), "", "",
        ]  # fmt: skip
        request = "\r\n".join(head_lines).encode("latin-1") + body
        exchange = await self._runtime.client.pool(origin).start(request, TIMEOUTS)
        try:
            await exchange.head()
            await exchange.read(ANSWER_BYTES)
            return exchange.status
        finally:
            exchange.release()


def _packed(encode: Callable[..., bytes], batch: list[Record], resource: dict[str, Any]) -> bytes:
    return gzip.compress(encode(batch, resource), 1)
