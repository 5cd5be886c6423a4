"""The public port's HTTP protocol: bounds what a connection may take before a request exists.

uvicorn bounds neither the size of a request's head nor the time it takes, and answers malformed HTTP in its own words.
"""

import asyncio
import logging
import re
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.dataplane.errors import ApiError
from gateway.dataplane.metrics import count_error
from gateway.middleware import request_id_from

logger = logging.getLogger(__name__)
HEAD_LIMIT_BYTES = 64 * 1024
OVERFLOW = 0.1
"""Share of connections above the cap that still get an answer; what comes beyond is dropped unread."""
LINGER_S = 1.0
UPGRADE = re.compile(rb"(\r\n)upgrade:(?![ \t]*websocket)", re.IGNORECASE)


def without_upgrade(data: bytes) -> bytes:
    """A head without the wish for another protocol, which a server may ignore (RFC 9110 §7.8). The parser would take
    the body for that protocol's: Java's own client asks for h2c in its first request."""
    head, end, body = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(rb"\1x-not-taken:", head) + end + body


class FrontProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits. A request whose head comes in one piece costs two more assignments and a
    comparison; a timer runs only for a new connection and for a head that comes in pieces.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.timeout_keep_alive = int(settings.GATEWAY_KEEP_ALIVE_S)
        self._is_in_head = True
        self._expects_head = True  # what comes next belongs to a head: also between two requests
        self._is_overflow = False
        # Sizes of: the piece that is parsed, the piece in which this head began, all before the one that is parsed.
        self._piece_bytes = self._first_piece_bytes = self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._refusal: ApiError | None = None

    # ---- connection --------------------------------------------------------------------------------------------------
    def connection_made(self, transport: Any) -> None:
        cap = settings.GATEWAY_MAX_CONNECTIONS
        if len(self.connections) >= cap * (1 + OVERFLOW):
            transport.abort()
            return
        self._is_overflow = len(self.connections) >= cap
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_body_timer()
        if self.transport is not None:  # else it was dropped at once
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._piece_bytes = len(data)
        if self._expects_head and b"pgrade:" in data:
            data = without_upgrade(data)
        super().data_received(data)
        if self._is_in_head:
            self._wait_for_rest()

    def shutdown(self) -> None:
        if self.transport is not None:
            super().shutdown()

    # ---- head --------------------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        self._first_piece_bytes = self._piece_bytes
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = self._expects_head = False
        if self._head_timer is not None:
            self._stop_timer()
        if self._head_bytes + self._piece_bytes > HEAD_LIMIT_BYTES and self._head_size() > HEAD_LIMIT_BYTES:
            raise self._refuse(_too_large())  # ends the parser, which calls `send_400_response`
        if self._is_overflow:
            raise self._refuse(_too_many())
        super().on_headers_complete()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _wait_for_rest(self) -> None:
        """A head came in part. Its first piece may hold the end of a body, so it does not count before all is there."""
        self._head_bytes += self._piece_bytes
        if self.transport.is_closing():
            return
        if self._head_bytes - self._first_piece_bytes > HEAD_LIMIT_BYTES:
            self._end_with(_too_large())
        elif self._head_timer is None:
            self._start_timer()

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(settings.GATEWAY_HEAD_TIMEOUT_S, self._head_is_overdue)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_overdue(self) -> None:
        self._head_timer = None
        if self.transport.is_closing() or not self._is_in_head:
            return
        if self._head_bytes:
            message = "The request's head did not arrive in time."
            self._end_with(ApiError(408, "request_timeout", message))
        else:
            self.transport.close()  # nothing was asked, so nothing is answered

    # ---- body --------------------------------------------------------------------------------------------------------
    def on_response_complete(self) -> None:
        """Answered before the body was there: what still comes is thrown away, and not for long."""
        is_early = self.cycle.response_complete and self.cycle.more_body  # and not one that was pipelined behind
        super().on_response_complete()
        if is_early and not self.transport.is_closing():
            self._body_timer = self.loop.call_later(settings.GATEWAY_BODY_TIMEOUT_S, self.transport.close)

    def on_message_complete(self) -> None:
        self._expects_head = True
        if self._body_timer is not None:
            self._stop_body_timer()
        super().on_message_complete()

    def _stop_body_timer(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    # ---- refusals ----------------------------------------------------------------------------------------------------
    def _refuse(self, error: ApiError) -> ApiError:
        self._refusal = error
        return error

    def send_400_response(self, msg: str) -> None:
        """What the parser's end is answered with: our refusal, else malformed HTTP."""
        if not self.transport.is_closing():
            self._end_with(self._refusal or ApiError(400, "invalid_http", msg))

    def _end_with(self, error: ApiError) -> None:
        """Answer outside of any request, and close. An answer under way is not talked into."""
        request_id = request_id_from(self._caller_request_id())
        self._is_in_head = False
        self._stop_timer()
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()
            return
        count_error(error)
        body = error.body()
        head = [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close",
                b"x-request-id: " + request_id.encode()]  # fmt: skip
        logger.info("request %s refused: %s", request_id, error.code)
        head += [f"{name.lower()}: {value}".encode("latin-1") for name, value in error.headers.items()]
        self.transport.write(STATUS_LINE[error.status] + b"\r\n".join(head) + b"\r\n\r\n" + body)
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.transport.set_protocol(_Lingering(self.transport, self.loop))

    def _caller_request_id(self) -> str:
        """As far as the head has come; what is there when none began is the last request's."""
        if not self._is_in_head and self._refusal is None:
            return ""
        given = next((value for name, value in self.headers or () if name == b"x-request-id"), b"")
        return given.decode("latin-1")


class _Lingering(asyncio.Protocol):
    """Reads what a refused client still sends: closing on unread data would reset the connection under the answer."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.timer = loop.call_later(LINGER_S, transport.close)
        transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self.timer.cancel()


def _too_large() -> ApiError:
    limit = HEAD_LIMIT_BYTES // 1024
    return ApiError(431, "request_head_too_large", f"The request's headers and URL are larger than {limit} KiB.")


def _too_many() -> ApiError:
    message = "The gateway has as many connections as it takes."
    return ApiError(503, "too_many_connections", message, kind="api_error", headers={"Retry-After": "2"})
