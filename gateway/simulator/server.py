"""A small HTTP/1.1 server that lets its application misbehave at the TCP level.

It parses with httptools, answers one request of a connection at a time, applies back-pressure, and cancels the
application's task when the client leaves. It knows nothing of providers.
"""

import asyncio
import socket
import struct
import sys
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, cast

import httptools

MAX_BODY_BYTES = 64 * 1024 * 1024
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_LINGER_ZERO = struct.pack("ii", 1, 0)
JSON_TYPE = b"application/json"

Header = tuple[bytes, bytes]


class Exchange:
    """One request and the means to answer it, well or badly. Header names are lower-case bytes."""

    __slots__ = ("_chunked", "_connection", "body", "headers", "keep_alive", "method", "path", "query", "started")

    def __init__(self, connection: "Connection", method: bytes, target: bytes) -> None:
        self._connection = connection
        self.method = method
        self.path, _, self.query = target.partition(b"?")
        self.headers: dict[bytes, bytes] = {}
        self.body: bytes = b""
        self.keep_alive = True
        self.started = False
        self._chunked = False

    @property
    def client_gone(self) -> bool:
        """Whether the client closed the connection before the answer was complete."""
        return self._connection.lost

    def respond(
        self, status: int, body: bytes, headers: list[Header] | None = None, content_type: bytes = JSON_TYPE
    ) -> None:
        """Send a whole answer with its true length."""
        self.start(status, headers, content_type, length=len(body))
        self.send_raw(body)
        self.finish()

    def respond_prepared(self, data: bytes) -> None:
        """Send a whole answer, head included, as it stands."""
        self.started = True
        self._connection.write(data)
        self.finish()

    def start(
        self, status: int, headers: list[Header] | None, content_type: bytes, *, length: int | None = None
    ) -> None:
        """Send the head; without `length` the body is chunked (or ended by closing, for HTTP/1.0)."""
        lines = [b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\n" % (status, _REASONS.get(status, b"Unknown"), content_type)]
        if length is not None:
            lines.append(b"content-length: %d\r\n" % length)
        elif self._connection.is_http_1_1:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        else:
            self.keep_alive = False
        lines += [b"%s: %s\r\n" % header for header in headers or ()]
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self.started = True
        self._connection.write(b"".join(lines))

    def write(self, data: bytes) -> None:
        """Send a piece of the body, framed as one chunk when the answer is chunked."""
        self._connection.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def send_raw(self, data: bytes) -> None:
        """Put bytes on the wire unframed."""
        self._connection.write(data)

    def finish(self) -> None:
        """End the answer; the connection goes on to its next request or closes."""
        if self._chunked:
            self._connection.write(b"0\r\n\r\n")
        self._connection.answered(self)

    async def drain(self) -> None:
        """Wait until the client has read enough to go on writing."""
        await self._connection.writable.wait()

    def close(self) -> None:
        """Flush what was written, then close without ending the answer."""
        self._connection.close()

    def reset(self) -> None:
        """Drop the connection with a TCP reset."""
        self._connection.reset()

    def drop_next_request(self) -> None:
        """Reset the connection as soon as the first byte of another request arrives on it."""
        self._connection.drop_next = True


Handler = Callable[[Exchange], Coroutine[Any, Any, None] | None]


class Connection(asyncio.Protocol):
    """One TCP connection: feeds the parser and runs `handler` for each request in turn."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._target = b""
        self._parts: list[bytes] = []
        self._size = 0
        self._reading: Exchange | None = None
        self._current: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.is_http_1_1 = True
        self.lost = False
        self.drop_next = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is no subclass

    def data_received(self, data: bytes) -> None:
        """Parse; a request that is not HTTP gets a 400 and the connection closes."""
        if self.drop_next:
            self.reset()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, b"upgrade is not supported")
        except httptools.HttpParserError:
            self._refuse(400, b"malformed HTTP request")

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel what still works for a client that is gone."""
        self.lost = True
        self.writable.set()
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.writable.set()

    # httptools callbacks

    def on_message_begin(self) -> None:
        """Forget the last request."""
        self._target, self._parts, self._size, self._reading = b"", [], 0, None
        self._headers: dict[bytes, bytes] = {}

    def on_url(self, url: bytes) -> None:
        """Collect the target, which may come in pieces."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the last value of each header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Build the exchange and answer `Expect: 100-continue`."""
        exchange = self._reading = Exchange(self, self._parser.get_method(), self._target)
        exchange.headers = self._headers
        exchange.keep_alive = self._parser.should_keep_alive()
        self.is_http_1_1 = self._parser.get_http_version() == "1.1"
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """Collect the body up to the limit."""
        self._size += len(data)
        if self._size <= MAX_BODY_BYTES:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        """Queue the request; run it when no other is being answered."""
        exchange = self._reading
        if exchange is None:
            return
        exchange.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if self._size > MAX_BODY_BYTES:
            self._refuse(413, b"request body too large")
        elif self._current is None:
            self._run(exchange)
        else:
            self._waiting.append(exchange)

    # used by Exchange

    def write(self, data: bytes) -> None:
        """Send bytes; silently nothing once the client is gone."""
        if self._transport is not None and not self.lost:
            self._transport.write(data)

    def answered(self, exchange: Exchange) -> None:
        """The answer is complete: next request, or close."""
        self._current = self._task = None
        if not exchange.keep_alive:
            self.close()
        elif self._waiting:
            self._run(self._waiting.popleft())

    def close(self) -> None:
        """Flush and send FIN."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Send RST: an abortive close with a zero linger time (SO_LINGER, socket(7))."""
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._transport.abort()

    def _run(self, exchange: Exchange) -> None:
        self._current = exchange
        work = self._handler(exchange)
        if work is not None:
            self._task = asyncio.get_running_loop().create_task(self._guard(exchange, work))

    async def _guard(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        """Turn a defect of the application into a 500, or a reset when the answer has begun."""
        try:
            await work
        except Exception:
            traceback.print_exc(file=sys.stderr)
            if exchange.started:
                self.reset()
            else:
                exchange.respond(500, b'{"error":{"message":"simulator defect, see its stderr"}}')

    def _refuse(self, status: int, text: bytes) -> None:
        if self._current is not None:  # an answer is under way: nothing sensible can be put in its middle
            self.close()
            return
        exchange = Exchange(self, b"GET", b"/")
        exchange.keep_alive = False
        exchange.respond(status, b'{"error":{"message":"%s","type":"invalid_request_error"}}' % text)
