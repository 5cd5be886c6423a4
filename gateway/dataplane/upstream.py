"""The outbound HTTP client: pooled keep-alive connections with connect, first-byte, idle and total time-outs.

Dials only addresses the `Resolver` allows, follows no redirect, checks TLS names and certificates. With a proxy, the
proxy is dialled instead, once the `Resolver` has judged where the call goes.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.dataplane.addresses import Resolver
from gateway.dataplane.connection import Connection, Exchange
from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.proxy import HEAD_LIMIT_BYTES, Proxy, tunnel_status

MAX_IDLE_S = 25.0
MAX_IDLE = 512
SWEEP_S = 0.05


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: TCP+TLS connect, first response byte, silence between bytes, the whole exchange."""

    connect: float = 5.0
    first_byte: float = 120.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request goes: scheme, host and port, or a Unix socket."""

    host: str
    port: int
    tls: bool
    socket_path: str = ""

    @classmethod
    def of(cls, url: str) -> tuple["Origin", str]:
        """`(origin, path prefix)` of an http(s) URL. Raises `ValueError` for any other."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an http or https URL is needed")
        tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls), parts.path.rstrip("/")

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class Pool:
    """Connections to one origin, newest idle first."""

    def __init__(self, client: "Client", origin: Origin) -> None:
        self.client = client
        self.origin = origin
        self.idle: deque[Connection] = deque()
        self.now = time.monotonic
        proxy = client.proxy
        is_served = proxy is not None and not origin.socket_path and proxy.serves(origin.host, origin.port)
        self.proxy = proxy if is_served else None

    async def start(self, data: bytes, timeouts: Timeouts, *, is_fresh: bool = False) -> Exchange:
        """Send `data`; the caller waits for the head and releases the exchange. Raises `UpstreamError`.

        `is_fresh`: on a new connection, for a request that cannot be sent again when an idle one turns out closed.
        """
        idle = None if is_fresh else self._take_idle()
        connection = idle or await self._open(timeouts.connect)
        now = self.now()
        connection.idle_timeout = timeouts.idle
        connection.phase, connection.phase_deadline = "first_byte_timeout", now + timeouts.first_byte
        connection.total_deadline = now + timeouts.total
        self.client.watch(connection)
        if self.proxy is not None and not self.origin.tls:
            data = self.proxy.absolute(data, self.origin.authority)
        return connection.send(data)

    def _take_idle(self) -> Connection | None:
        oldest = self.now() - MAX_IDLE_S
        while self.idle:
            connection = self.idle.pop()
            if connection.is_usable and connection.idle_since > oldest:
                return connection
            if connection.is_usable:
                connection.transport.close()
        return None

    async def _open(self, within_s: float) -> Connection:
        try:
            async with asyncio.timeout(within_s):
                return await self._dial()
        except TimeoutError as error:
            raise UpstreamError("connect_timeout", "no connection in time", sent=False) from error
        except ssl.SSLError as error:
            raise UpstreamError("tls_error", f"TLS failed: {error.reason}", sent=False) from error
        except OSError as error:
            raise UpstreamError("connect_error", "the connection was refused", sent=False) from error

    async def _dial(self) -> Connection:
        loop = asyncio.get_running_loop()
        origin = self.origin
        if origin.socket_path:
            _, connection = await loop.create_unix_connection(lambda: Connection(self), origin.socket_path)
            return connection
        if self.proxy is not None:
            return await self._dial_by(self.proxy)
        address = await self.client.resolver.resolve(origin.host, origin.port)
        if origin.tls:
            _, connection = await loop.create_connection(
                lambda: Connection(self), address, origin.port, ssl=self.client.tls, server_hostname=origin.host
            )
        else:
            _, connection = await loop.create_connection(lambda: Connection(self), address, origin.port)
        return connection

    async def _dial_by(self, proxy: Proxy) -> Connection:
        """A connection to the proxy; to a TLS origin a tunnel through it, with TLS from here to the origin."""
        loop = asyncio.get_running_loop()
        origin = self.origin
        await self.client.resolver.judge(origin.host, origin.port)
        raw = await _connected(proxy)
        try:
            if not origin.tls:
                _, connection = await loop.create_connection(lambda: Connection(self), sock=raw)
                return connection
            await _open_tunnel(raw, proxy, origin)
            _, connection = await loop.create_connection(
                lambda: Connection(self), sock=raw, ssl=self.client.tls, server_hostname=origin.host
            )
            return connection
        except BaseException:
            raw.close()
            raise

    def give_back(self, connection: Connection) -> None:
        self.client.unwatch(connection)
        connection.idle_since = self.now()
        self.idle.append(connection)
        if len(self.idle) > MAX_IDLE:
            self.idle.popleft().transport.close()

    def forget(self, connection: Connection) -> None:
        self.client.unwatch(connection)
        with contextlib.suppress(ValueError):
            self.idle.remove(connection)


async def _connected(proxy: Proxy) -> socket.socket:
    """A socket to the proxy. Raises `UpstreamError` (`proxy_error`), nothing sent."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        raw = socket.socket(family, kind, protocol)
        raw.setblocking(False)
        try:
            await loop.sock_connect(raw, address)
        except BaseException:
            raw.close()
            raise
    except OSError as error:
        raise UpstreamError("proxy_error", "the proxy could not be reached", sent=False) from error
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


async def _open_tunnel(raw: socket.socket, proxy: Proxy, origin: Origin) -> None:
    """Ask the proxy for a tunnel. Nothing follows its head, since with TLS the client speaks first. Raises
    `UpstreamError` (`proxy_error`)."""
    loop = asyncio.get_running_loop()
    head = b""
    try:
        await loop.sock_sendall(raw, proxy.connect_request(origin.host, origin.port))
        while b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT_BYTES:
            piece = await loop.sock_recv(raw, 4096)
            if not piece:
                break
            head += piece
    except OSError as error:
        raise UpstreamError("proxy_error", "the proxy closed the connection", sent=False) from error
    status = tunnel_status(head)
    if not (200 <= status < 300 and b"\r\n\r\n" in head):
        raise UpstreamError("proxy_error", f"the proxy opened no tunnel (status {status})", sent=False)


class Client:
    """All pools of a process; one task sweeps the deadlines of running exchanges."""

    def __init__(self, resolver: Resolver | None = None, proxy: Proxy | None = None) -> None:
        self.resolver = resolver or Resolver()
        self.proxy = proxy
        self.tls = ssl.create_default_context()
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._pools: dict[Origin, Pool] = {}
        self._running: set[Connection] = set()
        self._sweeper: asyncio.Task[None] | None = None

    def pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(self, origin)
        return pool

    def watch(self, connection: Connection) -> None:
        self._running.add(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    def unwatch(self, connection: Connection) -> None:
        self._running.discard(connection)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for connection in [c for c in self._running if now > min(c.phase_deadline, c.total_deadline)]:
                reason = "total_timeout" if now > connection.total_deadline else connection.phase
                if connection.exchange is not None and not connection.exchange.complete:
                    connection.exchange.abort(UpstreamError(reason, f"the provider took too long ({reason})"))

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for pool in self._pools.values():
            while pool.idle:
                pool.idle.pop().transport.close()
