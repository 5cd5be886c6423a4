"""The public port before a request exists: heads too large, too slow or malformed, and too many connections."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.dataplane.front import HEAD_LIMIT_BYTES, OVERFLOW, without_upgrade
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Stack

GET = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n"
CAP = 20


@pytest.fixture(scope="module")
def tight(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second data plane on the same database with short limits."""
    settings = {"GATEWAY_HEAD_TIMEOUT_S": "0.5", "GATEWAY_KEEP_ALIVE_S": "3", "GATEWAY_MAX_CONNECTIONS": str(CAP),
                "GATEWAY_BODY_TIMEOUT_S": "1.5"}  # fmt: skip
    stack = Stack(Path(tmp_path_factory.mktemp("tight")), world.stack.url, world.stack.simulator, settings)
    stack.start()
    yield stack
    stack.close()


def connect(stack: Stack) -> socket.socket:
    return socket.create_connection(("127.0.0.1", stack.port), timeout=10)


def rest_of(peer: socket.socket) -> bytes:
    received = b""
    while piece := peer.recv(65536):
        received += piece
    return received


def status_of(peer: socket.socket) -> int:
    """Status of one answer, read to its end; the connection stays."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += peer.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(re.findall(rb"content-length: (\d+)", head)[0])
    while len(body) < length:
        body += peer.recv(65536)
    return int(head.split()[1])


def answered(peer: socket.socket) -> tuple[int, str]:
    """Status and error code of an answer that ends with its connection."""
    head, _, body = rest_of(peer).partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def padded(size: int, secret: str = "") -> bytes:
    """A whole request whose URL and headers are `size` bytes as the limit counts them."""
    head = GET + b"authorization: Bearer " + secret.encode() + b"\r\nx-pad: "
    counted = len(head) - len(b"GET  HTTP/1.1\r\n")
    return head + b"a" * (size - counted - 2) + b"\r\n\r\n"


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_head_of_the_limit_passes_and_one_byte_more_does_not(world: World, pieces: int) -> None:
    for size, expected in ((HEAD_LIMIT_BYTES, 200), (HEAD_LIMIT_BYTES + 1, 431)):
        request = padded(size, world.secret)
        step = len(request) // pieces + 1
        with connect(world.stack) as peer:
            for start in range(0, len(request), step):
                peer.sendall(request[start : start + step])
                time.sleep(0.02)
            if expected == 431:
                assert answered(peer) == (431, "request_head_too_large")
            else:
                assert status_of(peer) == 200


@pytest.mark.parametrize("start", [GET + b"x-pad: ", b"GET /", GET + b"x"])
def test_a_head_without_end_is_refused_while_it_comes(world: World, start: bytes) -> None:
    with connect(world.stack) as peer, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        peer.sendall(start)
        for _ in range(64):
            peer.sendall(b"a" * 16_384)

        assert answered(peer) == (431, "request_head_too_large")


def test_a_large_body_before_the_next_head_does_not_count_as_head(world: World) -> None:
    body = json.dumps(
        {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "pad": "x" * 300_000}
    ).encode()
    call = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer "
        + world.secret.encode() + b"\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )  # fmt: skip
    following = GET + b"authorization: Bearer " + world.secret.encode() + b"\r\nconnection: close\r\n\r\n"
    with connect(world.stack) as peer:
        peer.sendall(call + following[:30])
        time.sleep(0.2)
        peer.sendall(following[30:])

        received = rest_of(peer)

    assert re.findall(rb"HTTP/1.1 (\d+) ", received) == [b"200", b"200"]


@pytest.mark.slow
def test_a_head_that_trickles_in_is_cut_at_the_time_limit(tight: Stack) -> None:
    started = time.monotonic()
    with connect(tight) as peer:
        peer.settimeout(0.1)
        received = b""
        for byte in GET * 4:
            peer.sendall(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                received += peer.recv(65536)
            if received:
                break
        else:
            pytest.fail("the head could take as long as it liked")

    assert received.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in received
    assert time.monotonic() - started >= 0.5


def test_the_second_head_of_a_connection_has_the_same_time_limit(tight: Stack, world: World) -> None:
    with connect(tight) as peer:
        peer.sendall(GET + b"\r\n")
        assert status_of(peer) == 401
        time.sleep(0.6)  # idle is not slow
        peer.sendall(b"GET /v1")

        assert answered(peer) == (408, "request_timeout")


def test_a_connection_that_says_nothing_is_closed_without_an_answer(tight: Stack) -> None:
    with connect(tight) as peer:
        assert rest_of(peer) == b""


@pytest.mark.slow
def test_an_idle_connection_is_closed(tight: Stack) -> None:
    with connect(tight) as peer:
        peer.sendall(GET + b"\r\n")
        assert status_of(peer) == 401
        assert rest_of(peer) == b""


def test_a_slow_body_is_not_a_slow_head(tight: Stack, world: World) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nconnection: close\r\n\r\n"
    with connect(tight) as peer:
        peer.sendall(head)
        time.sleep(0.8)
        peer.sendall(b"null")

        assert answered(peer) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x00\xa5", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\na b: c\r\n\r\n"]
)
def test_what_is_not_http_is_told_so(world: World, garbage: bytes) -> None:
    with connect(world.stack) as peer:
        peer.sendall(garbage)

        assert answered(peer) == (400, "invalid_http")


def test_connections_beyond_the_cap_are_refused_then_dropped_and_then_there_is_room_again(tight: Stack) -> None:
    with contextlib.ExitStack() as opened:
        held = [opened.enter_context(connect(tight)) for _ in range(CAP)]
        for peer in held:
            peer.sendall(GET + b"\r\n")
            assert status_of(peer) == 401
        beyond = [opened.enter_context(connect(tight)) for _ in range(int(CAP * OVERFLOW))]
        dropped = opened.enter_context(connect(tight))

        with contextlib.suppress(ConnectionResetError):
            assert dropped.recv(1) == b""
        beyond[0].sendall(GET + b"\r\n")
        assert answered(beyond[0]) == (503, "too_many_connections")

    Stack.wait_for(lambda: tight.get("/healthz").status == 200)
    samples = tight.get("/metrics").body.decode().splitlines()
    counted = next(line for line in samples if line.startswith("gateway_errors_total{"))
    assert 'code="too_many_connections"} ' in counted


def trickle(peer: socket.socket, *, bytes_at_most: int = 100) -> bytes:
    """Send a body byte by byte until the other side closes; what it answered."""
    peer.settimeout(0.1)
    received = b""
    for _ in range(bytes_at_most):
        with contextlib.suppress(TimeoutError):
            try:
                peer.sendall(b"a")
                piece = peer.recv(65536)
            except ConnectionError:
                return received
            if not piece:
                return received
            received += piece
    pytest.fail("the body could take as long as it liked")


@pytest.mark.parametrize("target", ["POST /admin/login/", "POST /api/v1/auth/token", "POST /v1/chat/completions"])
def test_a_body_that_trickles_in_is_cut_wherever_it_goes(tight: Stack, target: str) -> None:
    with connect(tight) as peer:
        peer.sendall(
            target.encode() + b" HTTP/1.1\r\nhost: x\r\nx-request-id: mine-1\r\ncontent-length: 100000\r\n\r\n"
        )

        received = trickle(peer)

    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nx-request-id: mine-1" in head
    assert b"did not arrive in time" in body
    if "/api/" in target:
        assert b"application/problem+json" in head
        assert json.loads(body)["code"] == "request_timeout"


def test_a_body_nobody_reads_keeps_no_connection(tight: Stack) -> None:
    with connect(tight) as peer:
        peer.sendall(GET + b"content-length: 100000\r\n\r\n")

        assert trickle(peer).startswith(b"HTTP/1.1 401 ")


def test_a_body_that_is_far_too_long_is_refused_before_it_comes(world: World) -> None:
    key = b"authorization: Bearer " + world.secret.encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + key + b"\r\ncontent-length: "
    with connect(world.stack) as peer:
        peer.sendall(head + b"1000000000000\r\n\r\n")
        assert status_of(peer) == 413
    with connect(world.stack) as peer:
        peer.sendall(head + b"50000000\r\nexpect: 100-continue\r\n\r\n")
        assert answered(peer) == (413, "request_too_large")


def test_a_stranger_who_waits_for_100_continue_is_refused_at_once(world: World) -> None:
    with connect(world.stack) as peer:
        peer.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n"
        )
        assert status_of(peer) == 401


def test_refusals_before_a_request_have_a_request_id(world: World) -> None:
    with connect(world.stack) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nx-request-id: mine-2\r\nb: c\r\na b: c\r\n\r\n")
        assert b"\r\nx-request-id: mine-2\r\n" in rest_of(peer)
    with connect(world.stack) as peer:
        peer.sendall(b"\x16\x03\x01\x00\xa5")
        assert re.search(rb"\r\nx-request-id: req_[0-9a-f]{32}\r\n", rest_of(peer))


@pytest.mark.parametrize("wish", [b"Upgrade: h2c", b"upgrade:TLS/1.3, h2c"])
def test_the_wish_for_another_protocol_is_ignored_and_the_body_is_read(world: World, wish: bytes) -> None:
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}).encode()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Content-Length: %d\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n%b\r\n"
        b"Content-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\n\r\n"
    ) % (len(body), wish, world.secret.encode())
    with connect(world.stack) as peer:
        for _ in range(2):  # the connection goes on as it was
            peer.sendall(head)
            peer.sendall(body)
            assert status_of(peer) == 200


def test_only_a_head_loses_its_wish_and_never_that_for_a_websocket() -> None:
    body = b"\r\nupgrade: h2c\r\n"
    assert without_upgrade(b"GET / HTTP/1.1\r\nupgrade: h2c\r\n\r\n" + body) == (
        b"GET / HTTP/1.1\r\nx-not-taken: h2c\r\n\r\n" + body
    )
    wish = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
    assert without_upgrade(wish) == wish
