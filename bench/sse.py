"""A client for paced streams that notes when every piece of the answer arrived, and nothing else while it runs."""

import asyncio
import contextlib
import json
import re
import time
from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 60.0
_CHUNK = re.compile(rb'"content":"(?:[^"\\]|\\.)+"[^\n]*?"sim_sent_at":(\d+)')


@dataclass(frozen=True, slots=True)
class Chunk:
    """One content chunk: when the provider sent it and when we had all of it (`CLOCK_MONOTONIC`, ns)."""

    sent_ns: int
    arrived_ns: int

    @property
    def delay_ms(self) -> float:
        return (self.arrived_ns - self.sent_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Answer:
    """One stream as the client saw it."""

    chunks: list[Chunk]
    ttft_ms: float
    complete: bool
    longest_gap_ms: float


class StreamCall(asyncio.Protocol):
    """One request on a connection of its own; `finished` resolves when the chunked answer has ended."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.pieces: list[bytes] = []
        self.times: list[int] = []
        self.began_ns = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:  # uvloop's is no asyncio.Transport
        self.began_ns = time.monotonic_ns()
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.times.append(time.monotonic_ns())
        self.pieces.append(data)
        if data.endswith(b"0\r\n\r\n") and not self.finished.done():
            self.finished.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_result(None)

    def answer(self) -> Answer:
        """What arrived, parsed after the fact."""
        data, ends = b"".join(self.pieces), list(accumulate(map(len, self.pieces)))
        chunks, piece = [], 0
        for match in _CHUNK.finditer(data):
            while ends[piece] < match.end():
                piece += 1
            chunks.append(Chunk(int(match[1]), self.times[piece]))
        gaps = [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]
        first = chunks[0].arrived_ns if chunks else time.monotonic_ns()
        complete = b"data: [DONE]" in data and data.startswith(b"HTTP/1.1 200")
        return Answer(chunks, (first - self.began_ns) / 1e6, complete, max(gaps, default=0) / 1e6)


def request(base_url: str, key: str, model: str) -> bytes:
    """A streamed chat completion as bytes for `StreamCall`."""
    parts = urlsplit(base_url)
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "Count to fifty."}]})
    return (
        f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def stream(base_url: str, key: str, model: str) -> Answer:
    """Make one streamed call and wait for its end; after `PATIENCE_S` it counts as incomplete."""
    parts = urlsplit(base_url)
    loop = asyncio.get_running_loop()
    made = request(base_url, key, model)
    assert parts.hostname is not None
    transport, call = await loop.create_connection(lambda: StreamCall(made), parts.hostname, parts.port or 80)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await call.finished
    finally:
        transport.close()
    return call.answer()
