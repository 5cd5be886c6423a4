"""The one synchronous HTTP client for calls out of the console and the background work.

Resolves once, refuses every address that is not public unless it is on the allow-list, dials the address it checked
(no second resolution to rebind), keeps the original name for TLS and `Host`, follows no redirect, and caps size and
time. With a proxy the rules are applied before the proxy is asked. The data plane has its own asynchronous client under
the same rules.
"""

import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from gateway.dataplane.addresses import is_internal_name, is_never_allowed, is_public
from gateway.dataplane.connection import PROXY_AUTHENTICATION_REQUIRED
from gateway.dataplane.proxy import Proxy
from gateway.models import AllowedUpstream

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 15.0
MAX_BYTES = 4 * 1024 * 1024
_CHUNK = 64 * 1024
_PORTS = {"http": 80, "https": 443}


class OutboundError(Exception):
    """The call could not be made or finished. `code` is stable, the text is safe to show: it holds no credential."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers with lower-case names, body; `elapsed_ms` from dialling to the last byte."""

    status: int
    headers: dict[str, str]
    body: bytes
    elapsed_ms: float

    def json(self) -> Any:
        """The body as JSON; raises `OutboundError` (`upstream_not_json`)."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise OutboundError("upstream_not_json", "The upstream did not answer with JSON.") from None


def split(url: str) -> tuple[SplitResult, str, int]:
    """`(parts, host, port)`; raises `OutboundError` (`url_invalid`) for anything but plain http(s) to a host."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise OutboundError("url_invalid", "The address is not a valid URL.") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise OutboundError("url_invalid", "The address must begin with http:// or https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise OutboundError("url_invalid", "The address must not contain a user name or password.")
    if any(character <= " " or character == "\x7f" for character in url):
        raise OutboundError("url_invalid", "The address must not contain spaces or control characters.")
    return parts, parts.hostname, port


def addresses_of(host: str, port: int) -> list[str]:
    """Every address of a host; raises `OutboundError` (`host_unknown`)."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundError("host_unknown", f"The host {host} cannot be resolved.") from None
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def is_allowed(host: str, port: int) -> bool:
    """Whether a private upstream is on the allow-list (environment or table). One query."""
    if f"{host}:{port}" in settings.GATEWAY_PRIVATE_UPSTREAMS:
        return True
    return AllowedUpstream.objects.filter(host=host, port=port).exists()


def pinned_address(host: str, port: int) -> str:
    """The address to dial. Every address of the host must be public, or `host:port` allowed; else `OutboundError`.
    Link-local and metadata addresses are refused whatever is allowed."""
    addresses = addresses_of(host, port)
    if any(map(is_never_allowed, addresses)):
        raise OutboundError("address_never_allowed", never_allowed(host, port))
    if not all(is_public(address) for address in addresses) and not is_allowed(host, port):
        raise OutboundError(
            "address_not_allowed", f"{host}:{port} is not a public address and is not on the list of allowed upstreams."
        )
    return addresses[0]


def never_allowed(host: str, port: int) -> str:
    """The words for it."""
    return f"{host}:{port} is a link-local address or a cloud's metadata service, which is never called."


def leads_nowhere(host: str, port: int) -> bool:
    """Whether a host resolves to an address that no list can allow; False when it cannot be resolved now."""
    try:
        return any(map(is_never_allowed, addresses_of(host, port)))
    except OutboundError:
        return False


def is_private(host: str, port: int) -> bool:
    """Whether a host resolves to anything not public. A host that cannot be resolved now counts as public: dialling
    it checks again."""
    try:
        return not all(is_public(address) for address in addresses_of(host, port))
    except OutboundError:
        return False


class _PinnedConnection(HTTPConnection):
    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=CONNECT_TIMEOUT_S)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), CONNECT_TIMEOUT_S)


class _PinnedTLSConnection(HTTPSConnection):
    def __init__(self, host: str, port: int, address: str) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(host, port, timeout=CONNECT_TIMEOUT_S, context=self._tls)
        self._address = address

    def connect(self) -> None:
        raw = socket.create_connection((self._address, self.port), CONNECT_TIMEOUT_S)
        self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
    timeout_s: float = TOTAL_TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """Make one call; an answer larger than `max_bytes` is none. Raises `OutboundError`; redirects are not followed.
    `body`: blocks are sent one after the other, and need a `Content-Length` among the headers."""
    parts, host, port = split(url)
    proxy = settings.GATEWAY_UPSTREAM_PROXY
    if proxy is not None and not proxy.serves(host, port):
        proxy = None
    connection = _direct(parts.scheme, host, port) if proxy is None else _by_proxy(proxy, parts.scheme, host, port)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Accept-Encoding": "identity", **(headers or {})}
    if proxy is not None and parts.scheme == "http":
        target, sent = f"http://{parts.netloc}{target}", sent | _proxy_headers(proxy)
    started = time.monotonic()
    where = f"{host}:{port}" if proxy is None else f"{host}:{port}, by the proxy"
    try:
        connection.request(method, target, body=body, headers=sent)
        answer = _read(connection, started, started + timeout_s, max_bytes)
    except TimeoutError:
        raise OutboundError("upstream_timeout", f"{where} did not answer in time.") from None
    except (OSError, HTTPException, ValueError) as error:
        raise OutboundError("upstream_unreachable", f"{where}: {type(error).__name__}.") from None
    finally:
        connection.close()
    if proxy is not None and answer.status == PROXY_AUTHENTICATION_REQUIRED:
        raise OutboundError("upstream_unreachable", f"{where}: it refused the gateway (407).")
    return answer


def _direct(scheme: str, host: str, port: int) -> HTTPConnection:
    address = pinned_address(host, port)
    return (_PinnedTLSConnection if scheme == "https" else _PinnedConnection)(host, port, address)


def judge(host: str, port: int) -> None:
    """Before a proxy is asked, which resolves the name itself: the rules for what we can resolve. What we cannot is the
    proxy's to judge, but for names of private networks. Raises `OutboundError`."""
    try:
        pinned_address(host, port)
    except OutboundError as error:
        if error.code != "host_unknown" or (is_internal_name(host) and not is_allowed(host, port)):
            raise


def _by_proxy(proxy: Proxy, scheme: str, host: str, port: int) -> HTTPConnection:
    """A connection to the proxy that is not open yet; for https it will ask for a tunnel and check the host's name."""
    judge(host, port)
    if scheme == "http":
        return HTTPConnection(proxy.host, proxy.port, timeout=CONNECT_TIMEOUT_S)
    context = ssl.create_default_context()
    connection = HTTPSConnection(proxy.host, proxy.port, timeout=CONNECT_TIMEOUT_S, context=context)
    connection.set_tunnel(host, port, headers=_proxy_headers(proxy))
    return connection


def _proxy_headers(proxy: Proxy) -> dict[str, str]:
    return {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}


def _read(connection: HTTPConnection, started: float, deadline: float, max_bytes: int) -> Answer:
    """Read head and body under one deadline; each wait is at most what is left of it."""
    sock = connection.sock
    sock.settimeout(max(0.001, deadline - time.monotonic()))
    response = connection.getresponse()
    body = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        chunk = response.read1(_CHUNK)
        if not chunk:
            break
        body += chunk
        if len(body) > max_bytes:
            raise OutboundError("upstream_too_large", f"The answer is larger than {max_bytes} bytes.")
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, bytes(body), (time.monotonic() - started) * 1000)
