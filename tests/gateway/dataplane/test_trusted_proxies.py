"""Whom a forwarded address and scheme are believed from: a data plane with a trusted proxy, and one without."""

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.dataplane.app import DataPlane
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Stack

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Console(socketserver.ThreadingUnixStreamServer):
    """In the console's place: keeps the heads that the data plane sends it."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.heads: list[list[str]] = []
        super().__init__(str(path), Keeper)


class Keeper(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Console)
        lines = iter(lambda: self.rfile.readline().decode().strip(), "")
        self.server.heads.append([line for line in lines if line.startswith("x-forwarded-")])
        self.wfile.write(ANSWER)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    with Console(tmp_path / "console.sock") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def stack_with(world: World, folder: Path, proxies: str) -> Stack:
    settings = {"GATEWAY_TRUSTED_PROXIES": proxies, "CONSOLE_SOCKET": str(folder / "console.sock")}
    made = Stack(folder, world.stack.url, world.stack.simulator, settings=settings)
    made.start()
    return made


@pytest.mark.slow
def test_a_trusted_proxy_is_believed(world: World, console: Console, tmp_path: Path) -> None:
    stack = stack_with(world, tmp_path, "127.0.0.0/8,10.9.0.0/16")
    try:
        # The address furthest right that is no proxy's; what stands left of it the caller may have made up.
        chain = "127.0.0.1, 203.0.113.7, 10.9.4.4"
        assert stack.request("GET", "/admin/", X_Forwarded_For=chain, X_Forwarded_Proto="https").body == b"ok"
        assert stack.request("GET", "/metrics", X_Forwarded_For="203.0.113.7").status == 403
        assert stack.request("GET", "/metrics").status == 200
    finally:
        stack.close()

    assert console.heads == [["x-forwarded-for: 203.0.113.7", "x-forwarded-proto: https"]]


@pytest.mark.slow
def test_nobody_else_is(world: World, console: Console, tmp_path: Path) -> None:
    stack = stack_with(world, tmp_path, "10.9.0.0/16")
    try:
        chain = {"X_Forwarded_For": "203.0.113.7", "X_Forwarded_Proto": "https", "Forwarded": "for=203.0.113.7"}
        assert stack.request("GET", "/admin/", **chain).body == b"ok"
        assert stack.request("GET", "/metrics", X_Forwarded_For="203.0.113.7").status == 200
    finally:
        stack.close()

    assert console.heads == [["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"]]


def test_without_proxies_nothing_stands_before_the_data_plane() -> None:
    from config import dataplane

    assert isinstance(dataplane.app, DataPlane)
