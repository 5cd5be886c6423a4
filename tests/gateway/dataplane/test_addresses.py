"""Which addresses are called: public ones, listed private ones, and some never."""

import asyncio

import pytest

from gateway.dataplane.addresses import Resolver, is_never_allowed, is_public, literal
from gateway.dataplane.errors import UpstreamError

NEVER = [
    "169.254.169.254", "169.254.170.2", "169.254.0.1", "fe80::1", "fe80::1%eth0", "febf::1", "fd00:ec2::254",
    "fd00:ec2::23", "fd20:ce::254", "168.63.129.16", "192.0.0.192", "100.100.100.200", "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe", "::169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1",
    "2001:0:0:0:0:0:5601:5601",
]  # fmt: skip
LISTABLE = ["127.0.0.1", "::1", "10.0.0.5", "192.168.1.1", "172.16.0.1", "fd00::1", "100.64.0.1", "::ffff:10.0.0.5"]


@pytest.mark.parametrize("address", NEVER)
def test_link_local_and_metadata_addresses_are_never_called_whatever_the_list_says(address: str) -> None:
    resolver = Resolver([f"{address}:80"])

    assert is_never_allowed(address)
    with pytest.raises(UpstreamError, match="is never called") as caught:
        asyncio.run(resolver.resolve(address, 80))
    assert (caught.value.reason, caught.value.sent) == ("address_refused", False)


@pytest.mark.parametrize("address", LISTABLE)
def test_private_addresses_are_called_when_listed(address: str) -> None:
    assert (is_never_allowed(address), is_public(address)) == (False, False)
    with pytest.raises(UpstreamError, match="is a private address"):
        asyncio.run(Resolver().resolve(address, 80))
    assert asyncio.run(Resolver([f"{address}:80"]).resolve(address, 80)) == address


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_called(address: str) -> None:
    assert (is_never_allowed(address), is_public(address)) == (False, True)


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "169.16689662", "0251.0376.0251.0376"])
def test_other_notations_are_the_same_address(host: str) -> None:
    assert literal(host) == "169.254.169.254"
    with pytest.raises(UpstreamError, match="is never called"):
        asyncio.run(Resolver([f"{host}:80"]).resolve(host, 80))


@pytest.mark.parametrize(
    ("host", "address"), [("[fe80::1%eth0]", "fe80::1"), ("fd00:ec2::254", "fd00:ec2::254"), ("gateway.example", None)]
)
def test_literals(host: str, address: str | None) -> None:
    assert literal(host) == address
