"""Blocking HTTP/1.1 of the standard library: connections are kept and used again, every phase has its time-out."""

from __future__ import annotations

import http.client
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import errors
from .core import Reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from .core import Request

PIECE = 64 * 1024


class Transport:
    """Connections to one server. Safe for threads. `proxy` is the address of an HTTP proxy (a tunnel for https);
    without one the environment's `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold. `ssl_context` replaces the system's
    certificates."""

    def __init__(
        self,
        base_url: str,
        *,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 100,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise errors.ConfigurationError(f"base_url is no http(s) address: {base_url!r}")
        self._host: str = parts.hostname
        self._is_tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._proxy = urlsplit(proxy) if proxy else _proxy_of(parts.scheme, parts.hostname)
        self._ssl = ssl_context
        self._idle: list[http.client.HTTPConnection] = []
        self._most = max_connections
        self._lock = threading.Lock()

    def send(self, request: Request) -> Reply:
        """Raises ConnectionFailed, TimedOut and Cancelled."""
        connection, is_fresh = self._connection(request)
        try:
            return self._exchange(connection, request, is_fresh=is_fresh)
        except errors.ConnectionFailed as broken:
            connection.close()
            if request.cancel is not None and request.cancel.is_set:
                raise errors.Cancelled("the call was cancelled") from broken
            raise
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # ---- connections ---------------------------------------------------------------------------------------------
    def _connection(self, request: Request) -> tuple[http.client.HTTPConnection, bool]:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connected(request), True
            if connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]:
                return connection, False
            connection.close()  # the server closed it meanwhile

    def _connected(self, request: Request) -> http.client.HTTPConnection:
        seconds = min(request.timeouts.connect, _left(request))
        host, port = (self._proxy.hostname or "", self._proxy.port or 80) if self._proxy else (self._host, self._port)
        connection: http.client.HTTPConnection
        if self._is_tls:
            import ssl

            context = self._ssl or ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
        if self._proxy and self._is_tls:
            connection.set_tunnel(self._host, self._port, _proxy_headers(self._proxy))
        try:
            connection.connect()
        except TimeoutError as error:
            raise errors.TimedOut("connect", seconds, sent=False) from error
        except (OSError, http.client.HTTPException) as error:
            raise errors.ConnectionFailed(f"no connection to {self._host}:{self._port}: {error}", sent=False) from error
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < self._most:
                self._idle.append(connection)
                return
        connection.close()

    # ---- one exchange --------------------------------------------------------------------------------------------
    def _exchange(self, connection: http.client.HTTPConnection, request: Request, *, is_fresh: bool) -> Reply:
        sock = connection.sock
        assert sock is not None
        cancel = _Breaker(request, sock)
        try:
            sock.settimeout(min(request.timeouts.idle, _left(request)))
            self._write(connection, request)
            seconds = min(request.timeouts.first_byte, _left(request))
            sock.settimeout(seconds)
            response = connection.getresponse()
        except TimeoutError as error:
            cancel.release()
            raise _timed_out("first_byte", request) from error
        except http.client.RemoteDisconnected as error:
            cancel.release()
            raise errors.ConnectionFailed("the server closed the connection without an answer") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            cancel.release()
            raise errors.ConnectionFailed(f"the connection broke: {error or type(error).__name__}") from error
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, Body(self, connection, sock, response, request, cancel))

    def _write(self, connection: http.client.HTTPConnection, request: Request) -> None:
        target = self._prefix + request.path
        if self._proxy and not self._is_tls:
            target = f"http://{self._host}:{self._port}{target}"
        connection.putrequest(request.http, target, skip_host=True, skip_accept_encoding=True)
        is_usual = self._port == (443 if self._is_tls else 80)
        host = f"[{self._host}]" if ":" in self._host else self._host
        connection.putheader("Host", host if is_usual else f"{host}:{self._port}")
        connection.putheader("Accept-Encoding", "identity")
        if self._proxy and not self._is_tls:
            for name, value in _proxy_headers(self._proxy).items():
                connection.putheader(name, value)
        for name, value in request.headers.items():
            connection.putheader(name, value.encode("utf-8"))
        body = request.body
        if body is None:
            if request.http not in ("GET", "HEAD", "DELETE"):
                connection.putheader("Content-Length", "0")
            connection.endheaders()
        elif isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
        else:
            is_chunked = body.length is None
            connection.putheader(*(("Transfer-Encoding", "chunked") if is_chunked else
                                   ("Content-Length", str(body.length))))  # fmt: skip
            connection.endheaders()
            for piece in body:
                connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
            if is_chunked:
                connection.send(b"0\r\n\r\n")


class Body:
    """Of an answer: read whole, or in pieces. Closing it early closes the connection, which ends the call."""

    def __init__(
        self,
        transport: Transport,
        connection: http.client.HTTPConnection,
        sock: socket.socket,
        response: http.client.HTTPResponse,
        request: Request,
        cancel: _Breaker,
    ) -> None:
        self._transport, self._connection, self._sock = transport, connection, sock
        self._response, self._request, self._cancel = response, request, cancel
        self._is_open = True
        self._inflate = _inflater(response.getheader("content-encoding"))

    def pieces(self) -> Iterator[bytes]:
        """As they arrive. Raises ConnectionFailed when the body ends before its end."""
        while self._is_open:
            piece = self._read()
            if not piece:
                return
            if self._inflate is not None:
                piece = self._inflate(piece)
            if piece:
                yield piece

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def _read(self) -> bytes:
        request = self._request
        try:
            self._sock.settimeout(min(request.timeouts.idle, _left(request)))
            piece = self._response.read1(PIECE)
        except TimeoutError as error:
            self.close()
            raise _timed_out("idle", request) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            self._refuse_cancelled()
            raise errors.ConnectionFailed(f"the answer broke off: {error or type(error).__name__}") from error
        except errors.TimedOut:
            self.close()
            raise
        if not piece:
            is_short = bool(self._response.length)  # of a body in chunks, http.client raises by itself
            self._finish(reusable=not is_short)
            self._refuse_cancelled()
            if is_short:
                raise errors.ConnectionFailed("the answer broke off before its end")
        return piece

    def _refuse_cancelled(self) -> None:
        if self._request.cancel is not None and self._request.cancel.is_set:
            raise errors.Cancelled("the call was cancelled")

    def _finish(self, *, reusable: bool) -> None:
        if self._is_open:
            self._is_open = False
            self._cancel.release()
            self._response.close()
            if reusable and not self._response.will_close and self._connection.sock is not None:
                self._transport.give_back(self._connection)
            else:
                self._connection.close()

    def close(self) -> None:
        self._finish(reusable=False)


class _Breaker:
    """Breaks the socket when the call is cancelled."""

    def __init__(self, request: Request, sock: socket.socket) -> None:
        self._cancel, self._sock = request.cancel, sock
        if self._cancel is not None:
            self._cancel.watch(self._break)

    def _break(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def release(self) -> None:
        if self._cancel is not None:
            self._cancel.unwatch(self._break)


def _left(request: Request) -> float:
    """Seconds of the call that are left. Raises TimedOut."""
    left = request.deadline - time.monotonic()
    if left <= 0:
        raise errors.TimedOut("total", request.timeouts.total)
    return left


def _timed_out(phase: str, request: Request) -> errors.TimedOut:
    if time.monotonic() >= request.deadline:
        return errors.TimedOut("total", request.timeouts.total)
    return errors.TimedOut(phase, getattr(request.timeouts, phase))


def _inflater(encoding: str | None) -> Any:
    if encoding in (None, "", "identity"):
        return None
    if encoding in ("gzip", "deflate"):
        import zlib

        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress
    raise errors.DecodeError(f"the answer is encoded as {encoding!r}, which was not asked for")


def _proxy_of(scheme: str, host: str) -> Any:
    from urllib.request import getproxies, proxy_bypass

    found = getproxies().get(scheme)
    return urlsplit(found) if found and not proxy_bypass(host) else None


def _proxy_headers(proxy: Any) -> dict[str, str]:
    if proxy.username is None:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    said = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + b64encode(said).decode()}


def pause(seconds: float, cancel: Any) -> None:
    """Raises Cancelled as soon as the call is."""
    if cancel is None:
        time.sleep(seconds)
        return
    awakened = threading.Event()
    cancel.watch(awakened.set)
    try:
        if awakened.wait(seconds):
            raise errors.Cancelled("the call was cancelled")
    finally:
        cancel.unwatch(awakened.set)
