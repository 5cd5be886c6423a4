"""Mixed load: callers of every kind at a fixed number, each noting what it saw of each call."""

import asyncio
import itertools
import json
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bench.chaos.evidence import Call
from bench.chaos.loops import LoopThread

PATIENCE_S = 30.0
RACE_S = 8.0
"""A small budget is raced by many for so long, then the next one is."""
CHAT, ROUTE = "gpt-4o-mini", "with-fallback"
NOTE = re.compile(rb": gateway (\{.*\})\n\n")
_count = itertools.count()


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets of the callers."""

    plain: str
    free: str
    """Of an organization without budgets, which may call models without a price."""
    limited: str
    racing: Sequence[str]


@dataclass(slots=True)
class Traffic:
    """`ports`: data planes. `calls` grows; `pause` and `resume` stop and start new calls."""

    thread: LoopThread
    ports: Sequence[int]
    keys: Keys
    seed: int
    calls: list[Call] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    _is_open: asyncio.Event = field(default_factory=asyncio.Event)
    _is_over: bool = False
    _running: int = 0

    def start(self) -> None:
        kinds: list[tuple[int, Callable[[random.Random], Awaitable[None]], float]] = [
            (6, self._chat, 0.10), (6, self._stream, 0.10), (3, self._leave, 0.15), (2, self._fail, 0.25),
            (4, self._fall_back, 0.10), (3, self._once, 0.20), (8, self._race, 0.15), (2, self._hurry, 0.20),
        ]  # fmt: skip
        self.resume()
        number = 0
        for callers, call, pause_s in kinds:
            for _ in range(callers):
                self.thread.start(self._caller(random.Random(self.seed * 1000 + number), call, pause_s))
                number += 1

    def pause(self) -> None:
        """Return when no call runs."""
        self.thread.loop.call_soon_threadsafe(self._is_open.clear)
        deadline = time.monotonic() + 2 * PATIENCE_S
        while self._running and time.monotonic() < deadline:
            time.sleep(0.05)

    def resume(self) -> None:
        self.thread.loop.call_soon_threadsafe(self._is_open.set)

    def stop(self) -> None:
        self._is_over = True
        self.pause()

    async def _caller(
        self, choose: random.Random, call: Callable[[random.Random], Awaitable[None]], pause_s: float
    ) -> None:
        while not self._is_over:
            await self._is_open.wait()
            self._running += 1
            try:
                await call(choose)
            finally:
                self._running -= 1
            await asyncio.sleep(choose.uniform(0.5, 1.5) * pause_s)

    # ---- kinds of callers --------------------------------------------------------------------------------------
    async def _chat(self, choose: random.Random) -> None:
        await self._call("chat", choose, body(CHAT))

    async def _stream(self, choose: random.Random) -> None:
        await self._call("stream", choose, body(CHAT, stream=True))

    async def _leave(self, choose: random.Random) -> None:
        """Gone before the end."""
        await self._call("leaves", choose, body(CHAT, stream=choose.random() < 0.7, tokens=60),
                         leave_s=choose.uniform(0.02, 0.25))  # fmt: skip

    async def _fail(self, choose: random.Random) -> None:
        model = choose.choice(("sim-fault-error-500", "sim-fault-cut-stream", "sim-fault-bad-json", "no-such-model"))
        await self._call("fails", choose, body(model, stream=choose.random() < 0.5), secret=self.keys.free)

    async def _fall_back(self, choose: random.Random) -> None:
        await self._call("fallback", choose, body(ROUTE, stream=choose.random() < 0.4))

    async def _once(self, choose: random.Random) -> None:
        """The same call again until it is answered, and once more."""
        key, given = f"once-{self.seed}-{next(_count)}", body(CHAT, stream=choose.random() < 0.3)
        for _ in range(20):
            seen = await self._call("once", choose, given, key=key)
            if seen is not None and seen.status == 200 and seen.is_whole:
                break
            await asyncio.sleep(0.5)
        await self._call("once", choose, given, key=key)

    async def _race(self, choose: random.Random) -> None:
        """Many on one small budget, by both data planes."""
        secret = self.keys.racing[int(time.monotonic() / RACE_S) % len(self.keys.racing)]
        await self._call("races", choose, body("gpt-4o"), secret=secret)

    async def _hurry(self, choose: random.Random) -> None:
        await self._call("hurries", choose, body(CHAT), secret=self.keys.limited)

    # ---- one call ----------------------------------------------------------------------------------------------
    async def _call(
        self, kind: str, choose: random.Random, data: bytes, *, secret: str = "", key: str = "", leave_s: float = 0.0
    ) -> Call | None:
        try:
            seen = await asyncio.wait_for(
                exchange(choose.choice(self.ports), secret or self.keys.plain, data, kind, key=key),
                leave_s or PATIENCE_S,
            )
        except TimeoutError:
            self.failures["left" if leave_s else "no answer in 30 s"] += 1
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            self.failures[type(error).__name__] += 1
        else:
            self.calls.append(seen)
            return seen
        return None


def body(model: str, *, stream: bool = False, tokens: int = 8) -> bytes:
    """A chat completion; no two prompts are equal."""
    message = {"role": "user", "content": f"Say something about number {next(_count)}."}
    given: dict[str, Any] = {"model": model, "messages": [message], "max_tokens": tokens, "stream": stream}
    return json.dumps(given).encode()


async def exchange(port: int, secret: str, data: bytes, kind: str, *, key: str = "") -> Call:
    """One call on a connection of its own. Raises OSError or EOFError when no head arrives."""
    at = time.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = ["POST /v1/chat/completions HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {secret}",
                 "Content-Type: application/json", f"Content-Length: {len(data)}", "Connection: close"]  # fmt: skip
        lines += [f"Idempotency-Key: {key}"] if key else []
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        head = await reader.readuntil(b"\r\n\r\n")
        rest = await _rest(reader)
    finally:
        writer.transport.abort()
    return _seen(kind, head.decode("latin-1"), rest, key, at)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What arrives; a connection that breaks ends it."""
    found = b""
    try:
        while piece := await reader.read(65536):
            found += piece
    except OSError:
        pass
    return found


def _seen(kind: str, head: str, rest: bytes, key: str, at: float) -> Call:
    status = int(head.split(" ", 2)[1])
    headers = dict(re.findall(r"(?m)^([^:\r\n]+): ([^\r\n]*)", head.lower()))
    text = _unchunked(rest) if headers.get("transfer-encoding") == "chunked" else rest
    is_stream = "event-stream" in headers.get("content-type", "")
    cost, answer = headers.get("x-gateway-cost"), ""
    if is_stream:
        note = NOTE.search(text)
        is_whole = b"data: [DONE]" in text and note is not None
        cost = json.loads(note[1])["cost"] if note else None
        answer = str(hash(NOTE.sub(b"", text))) if is_whole else ""
    else:
        is_whole = len(rest) == int(headers.get("content-length", -1))
        answer = _field(text, "id") if status == 200 else ""
    return Call(
        kind, headers.get("x-request-id", ""), status, is_whole, cost=Decimal(cost) if cost else None,
        code="" if status == 200 else _code(text), idempotency_key=key, answer_id=answer, at=at,
        is_replay="x-gateway-idempotent-replay" in headers,
    )  # fmt: skip


def _field(text: bytes, name: str) -> str:
    found = re.search(rb'"%s": ?"([^"]*)"' % name.encode(), text)
    return found[1].decode() if found else ""


def _code(text: bytes) -> str:
    return _field(text, "code") or "other"


def _unchunked(rest: bytes) -> bytes:
    """RFC 9112 §7.1; what is missing at the end is missing."""
    found = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16) if size.strip() else 0
        if length == 0:
            break
        found, rest = found + rest[:length], rest[length + 2 :]
    return found
