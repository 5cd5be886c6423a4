"""Spans of this process to the OTLP/HTTP endpoint, by a thread of its own: whoever ends a span never waits for it.

The rules of `gateway.otlp.exporter`, for processes without an event loop: a bounded queue, what does not fit is dropped
and counted, four tries, two seconds when the process ends. Sent by the guarded client of the console and the background
work. The counters are in the file that the data plane of this host adds to its `/metrics`.
"""

import gzip
import logging
import secrets
import threading
import time
from collections import Counter, deque
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connections

from gateway import outbound
from gateway.dataplane.exposition import PUBLISH_S, gauge, head, labelled
from gateway.otlp.endpoint import Endpoint
from gateway.otlp.exporter import (  # fmt: skip
    ANSWER_BYTES,
    BATCH,
    CLOSE_WITHIN_S,
    FIRST_DELAY_S,
    FLUSH_S,
    QUEUE,
    REPEATED,
    TIMEOUTS,
    TRIES,
)
from gateway.otlp.local import Process, Span

logger = logging.getLogger(__name__)
RESULTS = ("sent", "failed", "dropped")


class Sender:
    """Exports until `close`."""

    def __init__(self, process: Process) -> None:
        self.id = f"{process}-{secrets.token_hex(4)}"
        self._queue: deque[Span] = deque()
        self._lock = threading.Lock()
        self._spans: Counter[str] = Counter()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._endpoint = Endpoint()
        self._next_text = 0.0
        self._path: Path = settings.DATA_DIR / "run" / "metrics" / f"{self.id}.prom"
        self._resource = {
            "service.name": settings.GATEWAY_OTLP_SERVICE_NAME,
            "service.instance.id": self.id,
            "telemetry.sdk.name": "llm-gateway",
            "telemetry.sdk.language": "python",
        }
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)
        self._thread.start()

    def add(self, span: Span) -> None:
        """Queue what happened; a full queue drops it."""
        with self._lock:
            if len(self._queue) >= QUEUE:
                self._spans["dropped"] += 1
                return
            self._queue.append(span)
            is_due = len(self._queue) >= BATCH
        if is_due:
            self._wake.set()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join(CLOSE_WITHIN_S)
        if self._thread.is_alive():
            logger.warning("the last spans were not exported in time")
        self._path.unlink(missing_ok=True)

    def metrics(self) -> list[str]:
        """As the data plane's exporter has them."""
        lines = head("gateway_otlp_exported_spans_total", "counter", "Spans sent to the OTLP endpoint, or given up.")
        lines += [f'gateway_otlp_exported_spans_total{{result="{name}"}} {self._spans[name]}' for name in RESULTS]
        return lines + gauge("gateway_otlp_queue", len(self._queue), "Spans that wait to be exported.")

    # ---- the thread ----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(FLUSH_S)
            self._wake.clear()
            try:
                while self._queue:
                    self._send()
                self._publish()
            except Exception:
                logger.exception("the OTLP exporter failed and goes on")
        while self._queue:  # what came between the last look and the closing
            self._send()

    def _send(self) -> None:
        with self._lock:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        from gateway.otlp import encoding  # protobuf takes its time: here, and not where a span ends

        is_sent = False
        try:
            is_sent = self._post(gzip.compress(encoding.traces(batch, self._resource), 1))
        finally:
            with self._lock:
                self._spans["sent" if is_sent else "failed"] += len(batch)

    def _post(self, body: bytes) -> bool:
        """Whether the endpoint took it."""
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                self._publish()
                self._closing.wait(FIRST_DELAY_S * 2 ** (attempt - 1))
            try:
                status = self._once(body)
            except (outbound.OutboundError, DatabaseError) as error:
                reason = error.message if isinstance(error, outbound.OutboundError) else "the database is away"
                continue
            if 200 <= status < 300:
                self._endpoint.takes()
                return True
            reason = f"status {status}"
            if status not in REPEATED:
                break
        self._endpoint.refuses(reason)
        return False

    def _once(self, body: bytes) -> int:
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", "User-Agent": "llm-gateway"}
        try:
            answer = outbound.request(
                "POST", f"{settings.GATEWAY_OTLP_ENDPOINT}/v1/traces", headers=headers | settings.GATEWAY_OTLP_HEADERS,
                body=body, timeout_s=TIMEOUTS.total, max_bytes=ANSWER_BYTES,
            )  # fmt: skip
            return answer.status
        finally:
            connections.close_all()  # the list of private addresses may have been asked for; it is this thread's alone

    def _publish(self) -> None:
        """Whole or not at all, every few seconds."""
        if self._closing.is_set() or time.monotonic() < self._next_text:
            return
        self._next_text = time.monotonic() + PUBLISH_S
        temporary = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text("".join(f"{labelled(line, self.id)}\n" for line in self.metrics()))
            temporary.replace(self._path)
        except OSError:  # a full disk: these counters are not shown
            return
