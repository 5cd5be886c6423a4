"""One HTTP/1.1 client connection: asyncio protocol + httptools parser, one exchange at a time, nothing buffered twice.

Body pieces are handed on as they arrive; reading pauses while the consumer is behind.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import httptools

from gateway.dataplane.errors import UpstreamError

if TYPE_CHECKING:
    from gateway.dataplane.upstream import Pool

HIGH_WATER_BYTES = 256 * 1024
STALE_WITHIN_S = 1.0
PROXY_AUTHENTICATION_REQUIRED = 407
NO_BODY = frozenset({204, 304})
MAX_HEAD_HEADERS = 200


class Exchange:
    """The response to one request, filled by its connection; without one, by this process itself."""

    __slots__ = ("_buffered", "_connection", "_pieces", "_waiter", "complete", "error", "headers", "started", "status")

    def __init__(self, connection: "Connection | None" = None) -> None:
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._waiter: asyncio.Future[None] | None = None
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.started = False
        self.complete = False
        self.error: UpstreamError | None = None

    @classmethod
    def made(cls, content_type: bytes, body: bytes) -> "Exchange":
        """A whole answer of this process: status 200."""
        exchange = cls()
        exchange.status, exchange.headers = 200, [(b"content-type", content_type)]
        exchange.started = exchange.complete = True
        exchange._pieces.append(body)
        return exchange

    @classmethod
    def declined(cls, error: UpstreamError) -> "Exchange":
        """An answer of this process whose body is `error`: it was reached, and leaves the call to others."""
        exchange = cls()
        exchange.status, exchange.started, exchange.error = 200, True, error
        return exchange

    # ---- consumer ----------------------------------------------------------------------------------------------
    async def head(self) -> None:
        """Wait for status and headers; raises `UpstreamError`."""
        while not self.started:
            if self.error is not None:
                raise self.error
            await self._wait()

    async def first_piece(self) -> None:
        """Wait until the body has begun, or the answer has ended without one; raises `UpstreamError`."""
        while not self._pieces and not self.complete:
            if self.error is not None:
                raise self.error
            await self._wait()

    async def next_piece(self) -> bytes:
        """Everything that has arrived since the last call; `b""` at the end. Raises `UpstreamError` on a cut."""
        while not self._pieces:
            if self.complete:
                return b""
            if self.error is not None:
                raise self.error
            await self._wait()
        data = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        if self._connection is not None:
            self._connection.resume()
        return data

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `UpstreamError`, with what had arrived: a cut, or `response_too_large` past `limit`
        bytes."""
        parts: list[bytes] = []
        size = 0
        try:
            while piece := await self.next_piece():
                size += len(piece)
                if size > limit:
                    self.release()
                    raise UpstreamError("response_too_large", f"the answer is longer than {limit} bytes")
                parts.append(piece)
        except UpstreamError as error:
            error.received = b"".join(parts)
            raise
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    async def write(self, data: bytes, within_s: float) -> None:
        """Send more of the request's body, and wait while the other side is behind. Time-outs begin anew; raises
        `UpstreamError` when the connection is gone."""
        if self.error is not None:
            raise self.error
        if self._connection is not None and not self.started:
            await self._connection.write(data, within_s)

    def release(self) -> None:
        """Back to the pool when complete, else close the connection. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.finish(reusable=self.complete and self.error is None)

    def abort(self, error: UpstreamError) -> None:
        """End the exchange from our side: the waiting consumer gets `error`, the upstream a closed connection."""
        self.fail(error)
        self.release()

    def _wait(self) -> "asyncio.Future[None]":
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    # ---- producer ----------------------------------------------------------------------------------------------
    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def push(self, piece: bytes) -> bool:
        """Take a body piece; True when the consumer is far behind."""
        self._pieces.append(piece)
        self._buffered += len(piece)
        self.wake()
        return self._buffered > HIGH_WATER_BYTES

    def fail(self, error: UpstreamError) -> None:
        if self.error is None and not self.complete:
            self.error = error
            self.wake()


class Connection(asyncio.Protocol):
    """Owned by a `Pool`; carries one `Exchange` at a time. `deadline`s are swept by the pool."""

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool
        self.transport: Any = None
        self.exchange: Exchange | None = None
        self.idle_since = 0.0
        self.uses = 0
        self.sent_at = 0.0
        self.phase_deadline = 0.0
        self.total_deadline = 0.0
        self.phase = ""
        self.idle_timeout = 60.0
        self._parser: Any = None
        self._paused = False
        self._until_close = False
        self._keep_alive = True
        self._drained: asyncio.Future[None] | None = None

    # ---- use -----------------------------------------------------------------------------------------------------
    def send(self, request: bytes) -> Exchange:
        """Write one whole request; the parser is made anew for its response."""
        self._parser = httptools.HttpResponseParser(self)
        self._until_close = False
        self._keep_alive = True
        self.uses += 1
        self.sent_at = self.pool.now()
        self.exchange = Exchange(self)
        self.transport.write(request)
        return self.exchange

    async def write(self, data: bytes, within_s: float) -> None:
        """More of a request whose head `send` wrote."""
        self.phase_deadline = self.pool.now() + within_s
        self.transport.write(data)
        if self._drained is not None:
            await self._drained

    def resume(self) -> None:
        if self._paused and self.transport is not None:
            self._paused = False
            self.phase_deadline = self.pool.now() + self.idle_timeout
            self.transport.resume_reading()

    def finish(self, *, reusable: bool) -> None:
        self.exchange = None
        if reusable and self._keep_alive and not self._until_close and not self.transport.is_closing():
            self.resume()
            self.pool.give_back(self)
        else:
            self.pool.forget(self)
            self.transport.abort() if not reusable else self.transport.close()

    @property
    def is_usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    # ---- asyncio.Protocol ------------------------------------------------------------------------------------------
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:  # an idle connection that speaks is broken
            self.pool.forget(self)
            self.transport.abort()
            return
        self.phase, self.phase_deadline = "idle_timeout", self.pool.now() + self.idle_timeout
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(UpstreamError("protocol_error", f"the answer is not valid HTTP: {error}"))

    def pause_writing(self) -> None:
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        exchange = self.exchange
        self.pool.forget(self)
        self.resume_writing()
        if exchange is None or exchange.complete:
            return
        if self._until_close and exc is None:
            exchange.complete = True
            exchange.wake()
            return
        # closed while idle, noticed when written to; after a second the provider was at work on it
        stale = self.uses > 1 and not exchange.started and self.pool.now() - self.sent_at < STALE_WITHIN_S
        reason = "stale_connection" if stale else "connection_lost"
        exchange.fail(UpstreamError(reason, "the provider closed the connection before the answer was complete"))

    def _fail(self, error: UpstreamError) -> None:
        if self.exchange is not None:
            self.exchange.fail(error)
        self.pool.forget(self)
        self.transport.abort()

    # ---- httptools ---------------------------------------------------------------------------------------------
    def on_header(self, name: bytes, value: bytes) -> None:
        if self.exchange is not None and len(self.exchange.headers) < MAX_HEAD_HEADERS:
            self.exchange.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        exchange, parser = self.exchange, self._parser
        if exchange is None:
            return
        exchange.status = parser.get_status_code()
        if exchange.status < 200:  # 100 Continue, 103 Early Hints: the answer follows
            exchange.headers.clear()
            return
        if exchange.status == PROXY_AUTHENTICATION_REQUIRED and self.pool.proxy is not None:
            exchange.fail(UpstreamError("proxy_error", "the proxy refused the gateway (407)", sent=False))
            return
        self._keep_alive = parser.should_keep_alive()
        framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in exchange.headers)
        self._until_close = not framed and exchange.status not in NO_BODY
        exchange.started = True
        exchange.wake()

    def on_body(self, piece: bytes) -> None:
        if self.exchange is not None and self.exchange.push(piece) and not self._paused:
            self._paused = True
            self.phase_deadline = self.total_deadline  # the silence is ours now
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        exchange = self.exchange
        if exchange is not None and exchange.started:
            exchange.complete = True
            exchange.wake()
