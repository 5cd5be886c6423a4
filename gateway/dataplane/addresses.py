"""Where outbound calls may go: resolve once, refuse private ranges unless allow-listed, dial the resolved address.

Guards every configurable URL against server-side request forgery; the pinned address defeats DNS rebinding.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Collection

from gateway.dataplane.errors import UpstreamError

CACHE_S = 30.0
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        ("100.64.0.0/10", "192.88.99.0/24",  # shared between providers (RFC 6598); 6to4 relays, given up (RFC 7526)
         "3fff::/20"),  # documentation (RFC 9637), which Python 3.11 does not know
    )
)  # fmt: skip
_ALLOCATED = ipaddress.ip_network("2000::/3")  # all that is given to anybody (RFC 4291 §2.4); not site-local fec0::/10
# Forms whose last 32 bits are an IPv4 address: IPv4-compatible (RFC 4291 §2.5.5.1), NAT64 (RFC 6052, RFC 8215),
# IPv4-translated (RFC 2765). The first two are judged by it; the others belong to a local network.
_JUDGED_WITHIN = (ipaddress.ip_network("::/96"), ipaddress.ip_network("64:ff9b::/96"))
_HOLDERS = (*_JUDGED_WITHIN, ipaddress.ip_network("64:ff9b:1::/48"), ipaddress.ip_network("::ffff:0:0:0/96"))
# Link-local, and where clouds hand out credentials to whoever asks: AWS (instances, pods), Google, Azure, Oracle,
# Alibaba. No model is served there.
NEVER = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "168.63.129.16",
         "192.0.0.192", "100.100.100.200"),
    )
)  # fmt: skip


def is_public(address: str) -> bool:
    """Whether an IP address is globally routable; IPv4-mapped, IPv4-compatible, 6to4 and NAT64 forms are judged by the
    IPv4 inside."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        within = _last_bits(ip) if any(ip in network for network in _JUDGED_WITHIN) else None
        inner = ip.ipv4_mapped or ip.sixtofour or within
        if inner is not None:
            return is_public(str(inner))
        if ip not in _ALLOCATED:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def is_never_allowed(address: str) -> bool:
    """Whether an IP address, or the IPv4 address that any form of it holds, is one that no list can allow."""
    ip = ipaddress.ip_address(address.split("%")[0])
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address | None] = [ip]
    if isinstance(ip, ipaddress.IPv6Address):
        found += [ip.ipv4_mapped, ip.sixtofour, ip.teredo[1] if ip.teredo else None]
        if any(ip in network for network in _HOLDERS):
            found.append(_last_bits(ip))
    return any(one in network for one in found if one is not None for network in NEVER)


def _last_bits(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)


def is_internal_name(host: str) -> bool:
    """Whether a name belongs to a private network by its form alone (RFC 6761, RFC 8375, ICANN's `.internal`)."""
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith((".internal", ".local", ".localhost", ".home.arpa", ".lan"))


def literal(host: str) -> str | None:
    """The address a host stands for without being looked up, in any notation a resolver takes; None for a name."""
    try:
        return str(ipaddress.ip_address(host.strip("[]").split("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # 2852039166, 0xa9fea9fe, 169.16689662
    except (OSError, UnicodeError):
        return None


class Resolver:
    """Resolves and judges. `allowed` holds `host:port` entries whose private addresses are fine, those of `NEVER`
    excepted."""

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self.allowed = frozenset(allowed)
        self._known: dict[tuple[str, int], tuple[float, str]] = {}

    def set_allowed(self, allowed: Collection[str]) -> None:
        if frozenset(allowed) != self.allowed:
            self.allowed = frozenset(allowed)
            self._known.clear()

    async def resolve(self, host: str, port: int) -> str:
        """The address to dial. Raises `UpstreamError` (`dns_error`, `address_refused`), nothing sent."""
        known = self._known.get((host, port))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise UpstreamError("dns_error", f"{host} does not resolve", sent=False) from error
        addresses = [str(entry[4][0]) for entry in found]
        if any(map(is_never_allowed, addresses)):
            raise UpstreamError("address_refused", f"{host}:{port} is never called", sent=False)
        if f"{host}:{port}" not in self.allowed and not all(map(is_public, addresses)):
            raise UpstreamError("address_refused", f"{host}:{port} is a private address", sent=False)
        self._known[(host, port)] = (time.monotonic() + CACHE_S, addresses[0])
        return addresses[0]

    async def judge(self, host: str, port: int) -> None:
        """Before a proxy is asked, which resolves the name itself: the rules for what we can resolve. What we cannot is
        the proxy's to judge, but for names of private networks. Raises `UpstreamError` (`address_refused`)."""
        try:
            await self.resolve(host, port)
        except UpstreamError as error:
            if error.reason != "dns_error":
                raise
            if is_internal_name(host) and f"{host}:{port}" not in self.allowed:
                raise UpstreamError("address_refused", f"{host} is a private name", sent=False) from error
