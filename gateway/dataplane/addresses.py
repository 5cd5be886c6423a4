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
_SHARED = ipaddress.ip_network("100.64.0.0/10")


def is_public(address: str) -> bool:
    """Whether an IP address is globally routable; IPv4-mapped and NAT64 forms are judged by the IPv4 inside."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not (ip.version == 4 and ip in _SHARED)


class Resolver:
    """Resolves and judges. `allowed` holds `host:port` entries whose private addresses are fine."""

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
        if f"{host}:{port}" not in self.allowed and not all(map(is_public, addresses)):
            raise UpstreamError("address_refused", f"{host}:{port} is a private address", sent=False)
        self._known[(host, port)] = (time.monotonic() + CACHE_S, addresses[0])
        return addresses[0]
