"""Upstreams by way of a proxy: what goes through it, what does not, and what it is never asked for."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway import outbound
from gateway.dataplane.addresses import Resolver
from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.proxy import Proxy, tunnel_status
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import CREDENTIAL, Stack
from tests.proxy import ForwardProxy, TLSFront, make_certificate

PUBLIC = "93.184.216.34"  # stands for any public address; nothing is ever sent there
BASIC = "Basic " + b64encode(b"gate:p@ss").decode()


@dataclass
class Proxied:
    """A data plane behind a proxy, on the database of the other one."""

    stack: Stack
    proxy: ForwardProxy
    certificate: Path


MADE: set[str] = set()


def _make_targets(stack: Stack) -> None:
    """Once a database: a worker may come back to this module after others."""
    if stack.url in MADE:
        return
    MADE.add(stack.url)
    for slug, base_url in {
        "by-http": f"http://{PUBLIC}/v1", "by-https": f"https://{PUBLIC}/v1", "by-nobody": "https://93.184.216.35/v1",
        "inside": "http://10.0.0.1/v1", "meta": "http://169.254.169.254/v1",
        "meta-name": "https://metadata.google.internal/v1",
    }.items():  # fmt: skip
        stack.model(stack.provider(slug, base_url=base_url), slug, "gpt-4o")
    stack.wait_until_current()


@pytest.fixture(scope="module")
def proxied(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = Path(tmp_path_factory.mktemp("proxied"))
    certificate, key = make_certificate(folder, PUBLIC)
    simulator = int(world.stack.simulator.url.rpartition(":")[2])
    front = TLSFront(certificate, key, simulator)
    proxy = ForwardProxy({PUBLIC: simulator, f"{PUBLIC}:443": front.port}, BASIC)
    _make_targets(world.stack)
    settings = {
        "GATEWAY_UPSTREAM_PROXY": f"http://gate:p%40ss@127.0.0.1:{proxy.port}", "SSL_CERT_FILE": str(certificate),
        "GATEWAY_UPSTREAM_NO_PROXY": "unused.example",
    }  # fmt: skip
    stack = Stack(folder, world.stack.url, world.stack.simulator, settings)
    stack.start()
    yield Proxied(stack, proxy, certificate)
    stack.close()
    proxy.close()
    front.close()


@pytest.fixture(autouse=True)
def _nothing_seen(proxied: Proxied) -> None:
    proxied.proxy.seen.clear()
    proxied.proxy.required = BASIC


@pytest.mark.slow
def test_a_plain_upstream_is_asked_for_in_absolute_form(proxied: Proxied, world: World) -> None:
    answer = proxied.stack.chat(world.secret, "by-http", max_tokens=5)

    assert (answer.status, answer.json()["usage"]["completion_tokens"]) == (200, 5)
    assert proxied.proxy.seen == [(f"POST http://{PUBLIC}/v1/chat/completions HTTP/1.1", BASIC)]


def test_a_tls_upstream_gets_a_tunnel_which_is_used_again(proxied: Proxied, world: World) -> None:
    whole = proxied.stack.chat(world.secret, "by-https", max_tokens=5)
    streamed = proxied.stack.chat(world.secret, "by-https", max_tokens=5, stream=True)

    assert (whole.status, whole.json()["usage"]["completion_tokens"]) == (200, 5)
    assert streamed.body.endswith(b"data: [DONE]\n\n")
    assert proxied.proxy.seen == [(f"CONNECT {PUBLIC}:443 HTTP/1.1", BASIC)]


@pytest.mark.slow
def test_the_certificate_is_the_upstreams_and_is_checked(proxied: Proxied, world: World, tmp_path: Path) -> None:
    settings = {name: value for name, value in proxied.stack.settings.items() if name != "SSL_CERT_FILE"}
    stranger = Stack(tmp_path, world.stack.url, world.stack.simulator, settings)
    stranger.start()
    try:
        answer = stranger.chat(world.secret, "by-https")
    finally:
        stranger.close()

    assert (answer.status, b"tls_error" in answer.body) == (502, True)


def test_loopback_upstreams_are_called_directly(proxied: Proxied, world: World) -> None:
    assert proxied.stack.chat(world.secret, "gpt-4o", max_tokens=3).status == 200
    assert proxied.proxy.seen == []


@pytest.mark.parametrize("model", ["inside", "meta", "meta-name"])
def test_the_proxy_is_not_asked_for_what_the_gateway_would_refuse(model: str, proxied: Proxied, world: World) -> None:
    answer = proxied.stack.chat(world.secret, model)

    assert (answer.status, b"address_refused" in answer.body) == (502, True)
    assert proxied.proxy.seen == []


@pytest.mark.parametrize("model", ["by-http", "by-nobody"])
def test_a_proxy_that_refuses_is_named_and_the_call_costs_nothing(model: str, proxied: Proxied, world: World) -> None:
    if model == "by-http":
        proxied.proxy.required = "Basic other"

    answer = proxied.stack.chat(world.secret, model)

    assert (answer.status, answer.error_code) == (502, "upstream_error")
    assert b"proxy_error" in answer.body
    assert not any(secret in answer.body for secret in (BASIC.encode(), CREDENTIAL.encode(), b"p@ss"))
    (line,) = proxied.stack.lines(answer.headers["x-request-id"])
    assert (line["error_type"], line["cost"], line["input_tokens"]) == ("proxy_error", 0, 0)


@pytest.mark.slow
def test_the_console_side_goes_the_same_way(
    proxied: Proxied, settings: Any, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(proxied.certificate))
    settings.GATEWAY_UPSTREAM_PROXY = Proxy.of(f"http://gate:p%40ss@127.0.0.1:{proxied.proxy.port}", [])

    plain = outbound.request("GET", f"http://{PUBLIC}/v1/models", headers={"Authorization": "Bearer x"})
    secure = outbound.request("GET", f"https://{PUBLIC}/v1/models", headers={"Authorization": "Bearer x"})

    assert (plain.status, secure.status) == (200, 200)
    assert plain.json() == secure.json()
    assert [line.rpartition(" ")[0] for line, _ in proxied.proxy.seen] == [
        f"GET http://{PUBLIC}/v1/models", f"CONNECT {PUBLIC}:443"
    ]  # fmt: skip
    proxied.proxy.seen.clear()
    for url in ("http://10.0.0.1/", "https://metadata.google.internal/", "http://169.254.169.254/"):
        with pytest.raises(outbound.OutboundError):
            outbound.request("GET", url)
    assert proxied.proxy.seen == []
    proxied.proxy.required = "Basic other"
    for url in (f"http://{PUBLIC}/v1/models", f"https://{PUBLIC}/v1/models"):
        with pytest.raises(outbound.OutboundError, match="by the proxy") as caught:
            outbound.request("GET", url)
        assert caught.value.code == "upstream_unreachable"


def test_a_name_that_only_the_proxy_can_resolve_is_its_to_judge() -> None:
    asyncio.run(Resolver().judge("no-such-host.invalid", 443))
    asyncio.run(Resolver(["vllm.internal:8000"]).judge("vllm.internal", 8000))
    for name in ("metadata.google.internal", "printer", "nas.local"):
        with pytest.raises(UpstreamError, match="is a private name"):
            asyncio.run(Resolver().judge(name, 443))


@pytest.mark.parametrize(
    ("entry", "served"),
    [
        ("*", []),
        ("example.com", ["other.com:443", "10.1.2.3:80", "badexample.com:443"]),
        (".example.com", ["example.com:443", "example.com:8443", "other.com:443", "10.1.2.3:80", "badexample.com:443"]),
        ("example.com:8443", ["api.example.com:443", "example.com:443", "other.com:443", "10.1.2.3:80",
                              "badexample.com:443"]),
        ("10.0.0.0/8", ["api.example.com:443", "example.com:443", "example.com:8443", "other.com:443",
                        "badexample.com:443"]),
        ("10.1.2.3:81", ["api.example.com:443", "example.com:443", "example.com:8443", "other.com:443", "10.1.2.3:80",
                         "badexample.com:443"]),
        ("OTHER.com", ["api.example.com:443", "example.com:443", "example.com:8443", "10.1.2.3:80",
                       "badexample.com:443"]),
    ],
)  # fmt: skip
def test_what_bypasses_the_proxy(entry: str, served: list[str]) -> None:
    proxy = Proxy.of("http://p:1", [entry])
    asked = ["api.example.com:443", "example.com:443", "example.com:8443", "other.com:443", "10.1.2.3:80",
             "badexample.com:443", "localhost:80", "127.0.0.9:80", "::1:80"]  # fmt: skip

    found = [name for name in asked if proxy.serves(name.rpartition(":")[0], int(name.rpartition(":")[2]))]

    assert found == served


@pytest.mark.parametrize(
    "url", ["https://p:1", "p:1", "http://", "http://p:1/path", "socks5://p:1", "http://u:secret@p:99999"]
)
def test_a_proxy_that_cannot_be_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*secret)"):
        Proxy.of(url, [])


def test_the_password_is_in_no_repr() -> None:
    assert "Basic" not in repr(Proxy.of("http://u:secret@p:3128", []))


@pytest.mark.parametrize(
    ("head", "status"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", 200), (b"HTTP/1.0 407 No\r\n\r\n", 407), (b"SSH-2.0-x\r\n", 0), (b"", 0)],
)
def test_answers_to_connect(head: bytes, status: int) -> None:
    assert tunnel_status(head) == status
