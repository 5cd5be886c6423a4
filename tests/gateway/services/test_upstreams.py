"""Asking an upstream: a real server on a real socket, well-behaved and not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway import outbound
from gateway.models import AllowedUpstream, Model, Provider
from gateway.services import catalog, upstreams
from gateway.services.errors import Invalid
from tests import factories

pytestmark = pytest.mark.django_db


class Upstream(BaseHTTPRequestHandler):
    """Answers by path; keeps the headers it got."""

    seen: list[dict[str, str]] = []

    def do_GET(self) -> None:
        Upstream.seen.append({name.lower(): value for name, value in self.headers.items()})
        status, body, headers = ANSWERS[self.path]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


LISTING = json.dumps({"object": "list", "data": [{"id": "gpt-b"}, {"id": "gpt-a"}, {"no": "id"}]}).encode()
ANSWERS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "/good/models": (200, LISTING, {}),
    "/locked/models": (401, b'{"error": "bad key sk-canary-0123456789"}', {}),
    "/broken/models": (200, b"<html>", {}),
    "/strange/models": (200, b'{"data": 7}', {}),
    "/away/models": (302, b"", {"Location": "http://169.254.169.254/"}),
    "/huge/models": (200, b"x" * (outbound.MAX_BYTES + 1), {}),
    "/lying/models": (200, b"short", {"Content-Length": "500"}),
}


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Upstream.seen = []
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def provider(port: int, path: str, **fields: Any) -> Provider:
    return catalog.set_provider(
        organization=None, actor=None, slug=path, base_url=f"http://127.0.0.1:{port}/{path}", **fields
    ).row


def test_a_good_upstream_is_listed_with_its_credential(port: int) -> None:
    listing = upstreams.list_models(provider(port, "good", credential="sk-canary-0123456789"))

    assert (listing.names, listing.http_status, listing.error) == (("gpt-a", "gpt-b"), 200, None)
    assert Upstream.seen[0]["authorization"] == "Bearer sk-canary-0123456789"
    assert Upstream.seen[0]["host"] == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("locked", "credential_refused"), ("broken", "upstream_not_json"), ("strange", "upstream_not_a_list"),
        ("away", "redirect_refused"), ("huge", "upstream_too_large"), ("lying", "upstream_not_json"),
    ],
)  # fmt: skip
def test_a_bad_upstream_is_explained_and_leaks_nothing(path: str, code: str, port: int) -> None:
    listing = upstreams.list_models(provider(port, path, credential="sk-canary-0123456789"))

    assert listing.error is not None
    assert (listing.names, listing.error[0]) == ((), code)
    assert "canary" not in listing.error[1]
    assert len(Upstream.seen) == 1  # no redirect was followed


def test_an_address_taken_off_the_list_is_not_dialled(port: int) -> None:
    good = provider(port, "good")
    AllowedUpstream.objects.all().delete()

    listing = upstreams.list_models(good)

    assert listing.error is not None
    assert listing.error[0] == "address_not_allowed"
    assert Upstream.seen == []


def test_a_closed_port_is_unreachable(port: int) -> None:
    listing = upstreams.list_models(provider(1, "good"))

    assert listing.error is not None
    assert listing.error[0] == "upstream_unreachable"


def test_what_is_discovered_can_be_added_once(port: int) -> None:
    good = provider(port, "good")
    company = factories.OrganizationFactory()

    first = upstreams.discover(provider=good, organization=company, actor=None, add=["gpt-a"])
    again = upstreams.discover(provider=good, organization=company, actor=None, add=["gpt-a"])

    model = Model.objects.get()
    assert [(d.upstream_name, d.model, d.was_added) for d in first] == [
        ("gpt-a", model.pk, True), ("gpt-b", None, False)
    ]  # fmt: skip
    assert [d.was_added for d in again] == [False, False]
    with pytest.raises(Invalid, match="gpt-z"):
        upstreams.discover(provider=good, organization=company, actor=None, add=["gpt-z"])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://[::1", "url_invalid"), ("http://a b/", "url_invalid"), ("http://h:99999/", "url_invalid"),
        ("gopher://93.184.216.34/", "url_invalid"), ("http:///x", "url_invalid"),
        ("http://u@93.184.216.34/", "url_invalid"),
        ("http://no-such-host.invalid/", "host_unknown"), ("http://192.168.0.1/", "address_not_allowed"),
        ("http://169.254.169.254/", "address_never_allowed"),
    ],
)  # fmt: skip
def test_urls_that_are_not_called(url: str, code: str) -> None:
    with pytest.raises(outbound.OutboundError) as caught:
        outbound.request("GET", url)

    assert caught.value.code == code


METADATA = ["169.254.169.254", "fd00:ec2::254", "fe80::1", "::ffff:169.254.169.254", "2852039166"]


@pytest.mark.parametrize("host", METADATA)
def test_nobody_can_allow_a_metadata_address(host: str, settings: Any) -> None:
    url = f"http://[{host}]/v1" if ":" in host else f"http://{host}/v1"

    with pytest.raises(Invalid, match="never called"):
        catalog.allow_upstream(actor=None, host=host, port=80)
    with pytest.raises(Invalid, match="never called"):
        catalog.set_provider(organization=None, actor=None, slug="x", base_url=url)
    with pytest.raises(Invalid, match="never called"):
        catalog.create_provider(organization=None, actor=None, slug="x", name="x", base_url=url)
    assert not AllowedUpstream.objects.exists()
    assert not Provider.objects.exists()


@pytest.mark.parametrize("host", METADATA)
def test_a_metadata_address_is_not_dialled_even_when_a_row_or_the_settings_allow_it(host: str, settings: Any) -> None:
    settings.GATEWAY_PRIVATE_UPSTREAMS = [f"{host}:80"]
    AllowedUpstream.objects.create(host=host, port=80)

    with pytest.raises(outbound.OutboundError) as caught:
        outbound.request("GET", f"http://[{host}]/" if ":" in host else f"http://{host}/")

    assert caught.value.code == "address_never_allowed"
