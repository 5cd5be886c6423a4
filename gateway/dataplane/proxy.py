"""The HTTP proxy towards upstreams: its address, and which hosts are called without it. Pure."""

import ipaddress
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

HEAD_LIMIT_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Proxy:
    """`authorization` is the ready value of `Proxy-Authorization`, empty without a user; it is in no `repr`.

    `bypass` holds lower-case entries as `NO_PROXY` has them: `*`, an address, a network, `example.com` (with its
    subdomains), `.example.com` (subdomains alone), each but `*` and networks also with a port. Loopback hosts never go
    through the proxy.
    """

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    bypass: tuple[str, ...] = ()

    @classmethod
    def of(cls, url: str, bypass: list[str]) -> "Proxy":
        """From `http://[user:password@]host:port`. Raises `ValueError`, without the URL in its text."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("a proxy is given as http://host:port or http://user:password@host:port")
        given = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        authorization = "" if parts.username is None else "Basic " + b64encode(given.encode()).decode()
        entries = tuple(entry.strip().lower() for entry in bypass if entry.strip())
        return cls(parts.hostname, parts.port or 80, authorization, entries)

    def serves(self, host: str, port: int) -> bool:
        """Whether a call to `host:port` goes through the proxy."""
        host = host.lower().rstrip(".")
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return False
        return not any(_matches(entry, host, port, address) for entry in self.bypass)

    def connect_request(self, host: str, port: int) -> bytes:
        """Asks for a tunnel (RFC 9110 §9.3.6). The proxy resolves the name."""
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"host: {authority}"]
        if self.authorization:
            lines.append(f"proxy-authorization: {self.authorization}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def absolute(self, request: bytes, authority: str) -> bytes:
        """A request to a plain http origin in absolute form (RFC 9112 §3.2.2), with our authorization."""
        line, _, rest = request.partition(b"\r\n")
        method, _, target = line.partition(b" ")
        head = b"%b http://%b%b\r\n" % (method, authority.encode("latin-1"), target)
        if self.authorization:
            head += f"proxy-authorization: {self.authorization}\r\n".encode("latin-1")
        return head + rest


def tunnel_status(head: bytes) -> int:
    """Status of the answer to `CONNECT`; 0 when it is no HTTP answer."""
    parts = head.split(b"\r\n", 1)[0].split(b" ")
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or len(parts[1]) != 3 or not parts[1].isdigit():
        return 0
    return int(parts[1])


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _matches(entry: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted = _split(entry)
    if wanted is not None and wanted != port:
        return False
    if address is not None:
        return _address(name) == address
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split(entry: str) -> tuple[str, int | None]:
    """`host:port` → both; an IPv6 address needs brackets to have a port."""
    if _address(entry) is not None:
        return entry, None
    name, colon, port = entry.rpartition(":")
    return (name, int(port)) if colon and port.isdigit() else (entry, None)
