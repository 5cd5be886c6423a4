"""Calls at a fixed rate, whatever the answers do: so a wait during an outage shows."""

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.common import quantile
from bench.dataplane.load import BODY

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` seconds since the start, `ms` to the last byte; `status` 0: no answer."""

    at: float
    ms: float
    status: int


@dataclass
class OpenLoop:
    """`rate` calls a second to `url` until the block ends; then `samples` is complete."""

    url: str
    headers: Mapping[str, str]
    rate: float
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> "OpenLoop":
        parts, body = urlsplit(self.url), BODY.encode()
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in self.headers.items()), "", ""]
        self._request = "\r\n".join(lines).encode() + body
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._drive()), daemon=True)
        self.began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def between(self, start: float, end: float) -> list[Sample]:
        return [each for each in self.samples if start <= each.at < end]

    def p99(self, start: float, end: float) -> float:
        return quantile([each.ms for each in self.between(start, end)] or [0.0], 0.99)

    def refused(self, start: float = 0.0, end: float = float("inf")) -> int:
        return sum(each.status != 200 for each in self.between(start, end))

    async def _drive(self) -> None:
        running: set[asyncio.Task[None]] = set()
        number = 0
        while not self._over.is_set():
            due = number / self.rate
            if (wait := due - self.now()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._call(due))
            running.add(task)
            task.add_done_callback(running.discard)
            number += 1
        await asyncio.gather(*running)

    async def _call(self, due: float) -> None:
        began = time.perf_counter()
        try:
            status = await asyncio.wait_for(self._exchange(), PATIENCE_S)
        except (OSError, EOFError, TimeoutError):
            status = 0
        self.samples.append(Sample(due, (time.perf_counter() - began) * 1e3, status))

    async def _exchange(self) -> int:
        """One request on a kept connection; the status once the whole body is here."""
        parts = urlsplit(self.url)
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1])
