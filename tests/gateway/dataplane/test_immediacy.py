"""Nothing waits on its way through: each chunk reaches the client before the provider would send the next."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
import uvloop

from gateway.dataplane.front import FrontProtocol
from gateway.dataplane.upstream import Client, Origin, Timeouts
from tests.gateway.dataplane.conftest import World

CHUNKS = 40


class Lockstep:
    """A provider that sends a chunk only when told that the one before has arrived at the client."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.arrived = threading.Semaphore(0)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        peer, _ = self.listener.accept()
        with peer:
            while b"\r\n\r\n" not in peer.recv(65536, socket.MSG_PEEK):
                pass
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for number in range(CHUNKS):
                event = b'data: {"choices":[{"index":0,"delta":{"content":"<%d>"}}],"usage":null}\n\n' % number
                peer.sendall(b"%x\r\n%b\r\n" % (len(event), event))
                if not self.arrived.acquire(timeout=20):
                    return  # the gateway keeps it back: the stream breaks off and the test says so
            peer.sendall(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


@pytest.fixture
def lockstep(world: World) -> Iterator[Lockstep]:
    provider = Lockstep()
    stack = world.stack
    stack.insert("gateway_allowedupstream", host="127.0.0.1", port=provider.port, note="")
    row = stack.provider("lockstep", base_url=f"http://127.0.0.1:{provider.port}/v1", idle_timeout_ms=30_000,
                         total_timeout_ms=60_000)  # fmt: skip
    stack.model(row, "lockstep")
    stack.wait_until_current()
    yield provider
    provider.listener.close()


def test_every_chunk_arrives_before_the_next_is_sent(world: World, lockstep: Lockstep) -> None:
    body = b'{"model":"lockstep","messages":[{"role":"user","content":"x"}],"stream":true}'
    call = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
        b"authorization: Bearer " + world.secret.encode() + b"\r\ncontent-length: "
        + str(len(body)).encode() + b"\r\n\r\n" + body
    )  # fmt: skip
    received = b""
    with socket.create_connection(("127.0.0.1", world.stack.port), timeout=30) as peer:
        peer.sendall(call)
        for number in range(CHUNKS):
            while b"<%d>" % number not in received:
                piece = peer.recv(65536)
                assert piece, f"chunk {number} was kept back: {received[-300:]!r}"
                received += piece
            lockstep.arrived.release()
        while piece := peer.recv(65536):
            received += piece

    assert b"data: [DONE]" in received
    assert b'"usage":null' not in received


def test_no_side_gathers_small_writes() -> None:
    """TCP_NODELAY on the connection a client opened and on the one to the provider."""
    seen: list[int] = []

    class Watched(FrontProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            seen.append(_nodelay(transport))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            config = uvicorn.Config(app, http=Watched, lifespan="off", log_level="critical")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            client = Client()
            client.resolver.set_allowed([f"127.0.0.1:{port}"])
            exchange = await client.pool(Origin("127.0.0.1", port, tls=False)).start(
                b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", Timeouts()
            )
            await exchange.head()
            assert exchange._connection is not None
            found = _nodelay(exchange._connection.transport)
            exchange.release()
            await client.close()
            server.should_exit = True
            await serving
            return found

    assert (uvloop.run(run()), seen) == (1, [1])


def _nodelay(transport: Any) -> int:
    return int(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
