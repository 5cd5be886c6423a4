"""Short calls to a running gateway at a fixed rate, whatever the answers do, and how long each took.

A call's time counts from the moment it was due: one that had to wait before it was sent is as late as it feels to who
needs it. No Django, no database.
"""

import asyncio
import json
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PATH = "/v1/chat/completions"
PATIENCE_S = 30.0
WAITS_MS = 100.0
"""A sender that is later than this with one call in a hundred measures itself, not the gateway."""
TEXT = "Summarise the following text. " + "lorem ipsum dolor sit amet " * 24
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Trial:
    """`times_ms`: of every call, from when it was due to its last byte; `late_ms`: from when it was due until it was
    begun. `faults`: how often each thing went wrong."""

    times_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Calls that were answered well."""
        return (len(self.times_ms) - self.faults.total()) / self.seconds if self.seconds else 0.0

    @property
    def is_sender_late(self) -> bool:
        return quantile(self.late_ms, 0.99) > WAITS_MS


def quantile(values: list[float], part: float) -> float:
    """The value that `part` of them do not pass; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


async def run(url: str, key: str, model: str, *, rate: float, seconds: float) -> Trial:
    """`rate` calls a second to the gateway at `url` for so long, then what is still under way is waited for."""
    caller = _Caller(url, key, model)
    began = time.monotonic()
    calls = []
    for number in range(max(1, round(rate * seconds))):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        calls.append(asyncio.create_task(caller.call(due)))
    await asyncio.gather(*calls)
    caller.trial.seconds = time.monotonic() - began
    await caller.close()
    return caller.trial


class _Caller:
    """Keeps connections open from call to call, as clients do."""

    def __init__(self, url: str, key: str, model: str) -> None:
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if is_tls else 80)
        self._tls = ssl.create_default_context() if is_tls else None
        message = {"role": "user", "content": TEXT}
        body = json.dumps({"model": model, "messages": [message], "max_tokens": 64}).encode()
        lines = [f"POST {parts.path.rstrip('/')}{PATH} HTTP/1.1", f"Host: {parts.netloc}",
                 f"Authorization: Bearer {key}", "Content-Type: application/json", f"Content-Length: {len(body)}",
                 "", ""]  # fmt: skip
        self._request = "\r\n".join(lines).encode() + body
        self._idle: list[Streams] = []
        self.trial = Trial()

    async def call(self, due: float) -> None:
        self.trial.late_ms.append((time.monotonic() - due) * 1000)
        try:
            async with asyncio.timeout(PATIENCE_S):
                fault = await self._exchange()
        except TimeoutError:
            fault = f"no answer within {PATIENCE_S:.0f} s"
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            fault = f"{type(error).__name__}: {error}"
        self.trial.times_ms.append((time.monotonic() - due) * 1000)
        if fault:
            self.trial.faults[fault] += 1

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _exchange(self) -> str:
        """One call; returns what was wrong with its answer, or nothing."""
        streams = self._idle.pop() if self._idle else await asyncio.open_connection(
            self._host, self._port, ssl=self._tls
        )  # fmt: skip
        reader, writer = streams
        try:
            writer.write(self._request)
            status, body = await _answer(reader)
        except BaseException:
            writer.close()
            raise
        self._idle.append(streams)
        return "" if status == 200 else f"{status} {_code(body)}"


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body, of a length that is told or in chunks (RFC 9112, sections 6 and 7)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "chunked" not in headers.get("transfer-encoding", ""):
        return status, await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return status, body


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return "without a reason"
