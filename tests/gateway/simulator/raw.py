"""Bytes on a socket, for what an HTTP client would hide."""

import http.client
import json
import socket
from typing import Any, NamedTuple

from gateway.simulator.process import SimulatorProcess


def open_socket(simulator: SimulatorProcess) -> socket.socket:
    """A connection to the simulator that gives up after 10 s."""
    host, port = simulator.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def request_bytes(
    payload: Any, *, path: str = "/v1/chat/completions", headers: dict[str, str] | None = None, close: bool = True
) -> bytes:
    """A POST with a key; `payload` is JSON unless it is bytes."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    lines = {"host": "sim", "authorization": "Bearer sk-test", "content-length": str(len(body))} | (headers or {})
    if close:
        lines["connection"] = "close"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def read_all(sock: socket.socket) -> bytes:
    """Everything until the peer closes. Raises `ConnectionResetError` on a reset."""
    data = b""
    while piece := sock.recv(65_536):
        data += piece
    return data


def post(simulator: SimulatorProcess, payload: Any, **options: Any) -> tuple[bytes, bytes]:
    """Head and body, as sent, of a request after which the connection closes."""
    with open_socket(simulator) as sock:
        sock.sendall(request_bytes(payload, **options))
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
        return head, body


def dechunk(body: bytes) -> list[bytes]:
    """The pieces of a chunked body, without the empty last one."""
    pieces = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            break
        pieces.append(rest[:length])
        body = rest[length + 2 :]
    return pieces


def events(body: bytes) -> list[bytes]:
    """Data of each event of a chunked event stream."""
    lines = b"".join(dechunk(body)).splitlines()
    return [line.removeprefix(b"data: ") for line in lines if line]


def ask(model: str = "gpt-4o", content: str = "hello", **fields: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": content}], **fields}


class Answer(NamedTuple):
    """A whole answer; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


def fetch(
    simulator: SimulatorProcess, path: str, payload: Any = None, *, headers: dict[str, str] | None = None
) -> Answer:
    """POST `payload` (JSON unless it is bytes), or GET without one. Raises `http.client.IncompleteRead` when cut."""
    connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=10)
    body = payload if payload is None or isinstance(payload, bytes) else json.dumps(payload).encode()
    try:
        connection.request("GET" if payload is None else "POST", path, body, headers or {})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


def named_events(body: bytes) -> list[tuple[str, Any]]:
    """`(event, data)` of each server-sent event that has a name."""
    found = []
    for block in body.decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields["event"], json.loads(fields["data"])))
    return found
