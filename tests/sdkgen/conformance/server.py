"""A server that plays what a vector says: answers byte for byte, in pieces, late, broken off. Standard library only.

The first part of a path names the vector, the rest is what the client asked for. Of each vector the n-th request gets
the n-th step of its script, further ones the last. What was asked is recorded.
"""

import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Played:
    """One vector under way."""

    script: list[dict[str, Any]]
    asked: list[Asked] = field(default_factory=list)


class FaultServer:
    """Use it in a `with` block; `url(id)` is the base URL of a vector."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._vectors: dict[str, Played] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "FaultServer":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.close()

    def url(self, identity: str) -> str:
        return f"http://127.0.0.1:{self.port}/{identity}"

    def play(self, identity: str, script: list[dict[str, Any]]) -> Played:
        played = Played(script)
        with self._lock:
            self._vectors[identity] = played
        return played

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as stream:
            try:
                while (asked := _read(stream)) is not None:
                    step = self._step(asked)
                    if not _answer(peer, step):
                        return
            except OSError:
                return

    def _step(self, asked: Asked) -> dict[str, Any]:
        _, identity, path = asked.path.split("/", 2)
        asked.path = "/" + path
        with self._lock:
            played = self._vectors[identity]
            step = played.script[min(len(played.asked), len(played.script) - 1)]
            played.asked.append(asked)
        return step


def _read(stream: Any) -> Asked | None:
    line = stream.readline().decode("latin-1").strip()
    if not line:
        return None
    method, path, _ = line.split(" ", 2)
    headers = {}
    while head := stream.readline().decode("utf-8").strip():
        name, _, value = head.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline().split(b";")[0], 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        body = stream.read(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, body)


def _answer(peer: socket.socket, step: dict[str, Any]) -> bool:
    """Whether the connection goes on."""
    time.sleep(step.get("delay_ms", 0) / 1000)
    if step.get("drop"):
        return _dropped(peer, step["drop"])
    pieces = [_bytes(piece) for piece in step.get("pieces", ())]
    if "json" in step:
        pieces = [json.dumps(step["json"]).encode()]
    headers = {"content-type": "application/json", **step.get("headers", {})}
    is_chunked = "pieces" in step and "content-length" not in headers
    headers.setdefault(*(("transfer-encoding", "chunked") if is_chunked else
                         ("content-length", str(sum(len(piece or b"") for piece in pieces)))))  # fmt: skip
    if step["status"] == 204:
        headers.pop("content-length", None)
    head = f"HTTP/1.1 {step['status']} Said\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    peer.sendall(head.encode("utf-8") + b"\r\n")
    for said, piece in zip(step.get("pieces", pieces), pieces, strict=True):
        if isinstance(said, dict) and "wait_ms" in said:
            time.sleep(said["wait_ms"] / 1000)
        elif piece:
            peer.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
    if step.get("cut"):
        return _dropped(peer, step["cut"])
    if is_chunked:
        peer.sendall(b"0\r\n\r\n")
    return headers.get("connection") != "close"


def _dropped(peer: socket.socket, how: str) -> bool:
    if how == "reset":
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def _bytes(piece: Any) -> bytes:
    """A text, `{"hex": …}`, `{"repeat": text, "times": n}`, or `{"wait_ms": n}`, which is no bytes."""
    if isinstance(piece, str):
        return piece.encode()
    if "hex" in piece:
        return bytes.fromhex(piece["hex"])
    if "repeat" in piece:
        return str(piece["repeat"]).encode() * int(piece["times"])
    return b""
