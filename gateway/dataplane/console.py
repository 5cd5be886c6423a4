"""Everything that is not a data-plane path goes to the console process over its Unix socket, unbuffered (rule 17)."""

import asyncio
from collections.abc import Iterable
from typing import Any

from gateway.dataplane.connection import Exchange
from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.upstream import Client, Origin, Timeouts

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade", b"expect", b"content-length"}
)  # fmt: skip
# of an answer: the length stays, and the server in front writes its own date
NOT_RELAYED = (HOP_BY_HOP - {b"content-length"}) | {b"date"}
FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"})
BODY_LIMIT_BYTES = 32 * 1024 * 1024
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
        body = await _body(receive)
        if body is None:
            await _plain(send, 413, b"request body too large")
            return
        exchange: Exchange | None = None
        try:
            exchange = await self._start(_request(scope, body))
            await self._forward(exchange, receive, send, is_head=scope["method"] == "HEAD")
        except UpstreamError:
            if exchange is None or not exchange.started:
                await _plain(send, 503, UNAVAILABLE, b"text/html")
        finally:
            if exchange is not None:
                exchange.release()

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
        watch = asyncio.ensure_future(_until_gone(receive, exchange))
        try:
            while piece := await exchange.next_piece():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            watch.cancel()


async def _until_gone(receive: Any, exchange: Exchange) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    exchange.abort(UpstreamError("client_gone", "the client closed the connection"))


async def _body(receive: Any) -> bytes | None:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        piece = message.get("body", b"")
        size += len(piece)
        if size <= BODY_LIMIT_BYTES:
            parts.append(piece)
        more = message.get("more_body", False)
    return b"".join(parts) if size <= BODY_LIMIT_BYTES else None


def _request(scope: dict[str, Any], body: bytes) -> bytes:
    target = scope["raw_path"] or b"/"
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    client = (scope.get("client") or ("", 0))[0]
    lines = [b"%b %b HTTP/1.1" % (scope["method"].encode(), target)]
    lines += _header_lines(scope["headers"])
    lines.append(b"x-forwarded-for: " + client.encode())
    lines.append(b"x-forwarded-proto: " + scope.get("scheme", "http").encode())
    if body or scope["method"] in ("POST", "PUT", "PATCH"):
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _header_lines(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [name + b": " + value for name, value in headers if name not in HOP_BY_HOP and name not in FORWARDED]


async def _plain(send: Any, status: int, body: bytes, kind: bytes = b"text/plain") -> None:
    headers = [(b"content-type", kind + b"; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    if status == 503:
        headers.append((b"retry-after", b"2"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
