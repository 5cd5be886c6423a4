"""Everything that is not a data-plane path goes to the console process over its Unix socket, unbuffered (rule 17)."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import orjson
from django.conf import settings

from gateway.closing import CLOSING
from gateway.dataplane.connection import Exchange
from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.upstream import Client, Origin, Timeouts
from gateway.middleware import request_id_from

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade", b"expect", b"content-length"}
)  # fmt: skip
# of an answer: the length stays, and the server in front writes its own date
NOT_RELAYED = (HOP_BY_HOP - {b"content-length"}) | {b"date"}
FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"})
BUFFERED_BYTES = 1024 * 1024  # longer bodies, uploads, go through piece by piece
BODY_LIMIT_BYTES = 1024 * 1024 * 1024
STEP_BYTES = 256 * 1024
"""Of an upload, this much has to arrive within `GATEWAY_BODY_TIMEOUT_S`, each time anew."""
TIMEOUTS = Timeouts(connect=2, first_byte=120, idle=120, total=3600)
UNAVAILABLE = (
    b"<!doctype html><title>Starting</title><meta http-equiv=refresh content=2>"
    b"<p style='font:14px system-ui;margin:4rem'>The console is starting. This page reloads by itself.</p>"
)


class ConsoleRelay:
    """Relays one ASGI request to the console."""

    def __init__(self, client: Client, socket_path: str) -> None:
        self.pool = client.pool(Origin("console", 80, tls=False, socket_path=socket_path))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        exchange: Exchange | None = None
        try:
            if _announced(scope) > BODY_LIMIT_BYTES:
                raise TooLargeError
            paced = _Paced(receive)
            body, has_more = await _body(paced)
            if has_more:
                exchange = await self._upload(scope, body, paced)
            else:
                exchange = await self._start(_request(scope, body))
            await self._forward(exchange, receive, send, is_head=scope["method"] == "HEAD")
        except TooLargeError:
            limit = BODY_LIMIT_BYTES // (1024 * 1024)
            await self.refuse(scope, send, 413, "request_too_large", f"The request body is larger than {limit} MiB.")
        except TooSlowError:
            await self.refuse(scope, send, 408, "request_timeout", "The request body did not arrive in time.")
        except UpstreamError:
            if exchange is None or not exchange.started:
                await self.away(scope, send)
        finally:
            if exchange is not None:
                exchange.release()

    async def refuse(self, scope: dict[str, Any], send: Any, status: int, code: str, detail: str) -> None:
        """A problem document for programs, a line for browsers; the connection ends, for the body was not read."""
        request_id = asked_as(scope)
        headers = [(b"x-request-id", request_id.encode()), (b"connection", b"close")]
        if not scope["raw_path"].startswith(b"/api/"):
            await plain(send, status, detail.encode(), headers=headers)
            return
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
                   "code": code, "errors": [], "request_id": request_id}  # fmt: skip
        await plain(send, status, orjson.dumps(problem), b"application/problem+json", headers)

    async def away(self, scope: dict[str, Any], send: Any) -> None:
        """The console does not answer."""
        await plain(send, 503, UNAVAILABLE, b"text/html")

    async def _upload(self, scope: dict[str, Any], first: bytes, receive: Any) -> Exchange:
        """Send a long body as it comes; nothing is kept here. Ends early when the console answers early."""
        length = _announced(scope)
        head = _head(scope, b"content-length: %d" % length if length else b"transfer-encoding: chunked")
        exchange = await self.pool.start(head, TIMEOUTS, is_fresh=True)
        try:
            size, piece, has_more = 0, first, True
            while True:
                size += len(piece)
                if size > BODY_LIMIT_BYTES:
                    raise TooLargeError
                await exchange.write(piece if length else _chunk(piece, is_last=not has_more), TIMEOUTS.first_byte)
                if not has_more or exchange.started:
                    break
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise UpstreamError("client_gone", "the client closed the connection")
                piece, has_more = message.get("body", b""), message.get("more_body", False)
            await exchange.head()
        except BaseException:
            exchange.release()
            raise
        return exchange

    async def _start(self, request: bytes) -> Exchange:
        """The head of the answer; a connection the console closed while idle is replaced once."""
        for last in (False, True):
            exchange = await self.pool.start(request, TIMEOUTS)
            try:
                await exchange.head()
                return exchange
            except UpstreamError as error:
                exchange.release()
                if last or error.reason != "stale_connection":
                    raise
        raise AssertionError("unreachable")

    async def _forward(self, exchange: Exchange, receive: Any, send: Any, *, is_head: bool) -> None:
        headers = [pair for pair in exchange.headers if pair[0] not in NOT_RELAYED]
        await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        if is_head:
            exchange.complete = False  # llhttp expects the announced body: do not reuse the connection
            await send({"type": "http.response.body", "body": b""})
            return
        watches = [asyncio.ensure_future(_until_gone(receive, exchange))]
        closing = CLOSING.event() if _is_endless(headers) else None
        if closing is not None:
            watches.append(asyncio.ensure_future(_until_stopped(closing, exchange)))
        try:
            while piece := await exchange.next_piece():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except UpstreamError:
            if closing is None or not closing.is_set():
                raise
        finally:
            for watch in watches:
                watch.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Any, exchange: Exchange) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    exchange.abort(UpstreamError("client_gone", "the client closed the connection"))


async def _until_stopped(closing: asyncio.Event, exchange: Exchange) -> None:
    """A stream of events would hold this process up for all of its drain time."""
    await closing.wait()
    exchange.abort(UpstreamError("shutdown", "the gateway stops"))


def _is_endless(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)


class TooLargeError(Exception):
    """The body is longer than anything the console takes."""


class TooSlowError(Exception):
    """The body trickles in."""


class _Paced:
    """`receive` of a body that has to keep a pace: `STEP_BYTES` in `GATEWAY_BODY_TIMEOUT_S`, of which only the time
    counts in which the client is waited for. Raises `TooSlowError`."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._size = 0
        self._left_s = settings.GATEWAY_BODY_TIMEOUT_S

    async def __call__(self) -> Any:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._left_s):
                message = await self._receive()
        except TimeoutError:
            raise TooSlowError from None
        self._left_s -= clock() - began
        self._size += len(message.get("body", b""))
        if self._size >= STEP_BYTES:
            self._size, self._left_s = 0, settings.GATEWAY_BODY_TIMEOUT_S
        return message


async def _body(receive: Any) -> tuple[bytes, bool]:
    """The body, or its first MiB and that there is more."""
    parts: list[bytes] = []
    size, more = 0, True
    while more and size < BUFFERED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts), False
        piece = message.get("body", b"")
        size += len(piece)
        parts.append(piece)
        more = message.get("more_body", False)
    return b"".join(parts), more


def _announced(scope: dict[str, Any]) -> int:
    """The body's length as the client said; 0 when it did not."""
    text = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(text) if text.isdigit() else 0


def _chunk(piece: bytes, *, is_last: bool) -> bytes:
    """RFC 9112 §7.1."""
    framed = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    return framed + b"0\r\n\r\n" if is_last else framed


def _request(scope: dict[str, Any], body: bytes) -> bytes:
    has_length = body or scope["method"] in ("POST", "PUT", "PATCH")
    return _head(scope, b"content-length: %d" % len(body) if has_length else b"") + body


def _head(scope: dict[str, Any], framing: bytes) -> bytes:
    target = scope["raw_path"] or b"/"
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    client = (scope.get("client") or ("", 0))[0]
    lines = [b"%b %b HTTP/1.1" % (scope["method"].encode(), target)]
    lines += _header_lines(scope["headers"])
    lines.append(b"x-forwarded-for: " + client.encode())
    lines.append(b"x-forwarded-proto: " + scope.get("scheme", "http").encode())
    if framing:
        lines.append(framing)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _header_lines(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [name + b": " + value for name, value in headers if name not in HOP_BY_HOP and name not in FORWARDED]


def asked_as(scope: dict[str, Any]) -> str:
    """The request's id: the caller's, or a fresh one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return request_id_from(given.decode("latin-1"))


async def plain(
    send: Any, status: int, body: bytes, kind: bytes = b"text/plain", headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    headers = [(b"content-type", kind + b"; charset=utf-8"), (b"content-length", b"%d" % len(body)), *headers]
    if status == 503:
        headers.append((b"retry-after", b"2"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
