"""Sends an answer at its pace, or breaks it the way a fault asks. It knows bodies and events, no wire format."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import monotonic_ns
from typing import Literal

from gateway.simulator.calls import Frame
from gateway.simulator.faults import Fault
from gateway.simulator.latency import Pace
from gateway.simulator.request_log import Outcome
from gateway.simulator.server import Exchange, Header

EVENT_STREAM = b"text/event-stream; charset=utf-8"
JSON = b"application/json"
# Faults of a whole body; on a stream they treat all its events as one body of known length.
BODY_FAULTS = frozenset({"cut-body", "bad-json", "lying-length", "empty-body", "huge-body"})
_PIECE_BYTES = 64 * 1024
_FAIRNESS_TOKENS = 32

Action = Literal["send", "hang", "close", "reset", "stop"]


def encode_sse(frame: Frame) -> bytes:
    """One server-sent event (HTML standard, "Server-sent events")."""
    name = b"event: %s\n" % frame.event if frame.event else b""
    return b"%sdata: %s\n\n" % (name, frame.payload)


@dataclass(frozen=True, slots=True)
class Framing:
    """How a stream puts its events on the wire."""

    content_type: bytes = EVENT_STREAM
    encode: Callable[[Frame], bytes] = encode_sse


SSE = Framing()
SERVER_ERROR = Frame(b'{"error":{"message":"The server had an error","type":"server_error"}}', is_error=True)
INSERTIONS = frozenset({"malformed-chunk", "error-in-stream", "unknown-event"})
UNKNOWN_EVENT = Frame(b'{"type":"sim.weather","outlook":"sunny"}', event=b"sim.weather")


async def hang() -> None:
    """Never return; ends by cancellation when the client leaves."""
    await asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class Delivery:
    """One answer on its way. `tokens_sent` and `outcome` say how far it came; `headers` go with every status."""

    exchange: Exchange
    pace: Pace
    fault: Fault | None = None
    headers: list[Header] = field(default_factory=list)
    error_event: Frame = SERVER_ERROR
    framing: Framing = SSE
    tokens_sent: int = 0
    outcome: Outcome = "cut"

    @property
    def _kind(self) -> str:
        return self.fault.kind if self.fault else ""

    async def send_body(self, body: bytes, *, after_s: float, content_type: bytes = JSON) -> None:
        """Send a whole body `after_s` seconds from now."""
        if after_s > 0:
            await asyncio.sleep(after_s)
        await self._send_whole(body, content_type)

    async def send_events(self, frames: Iterator[Frame]) -> None:
        """Send events in their framing, each when its token is due. Raises nothing of its own."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self.pace.first_s
        await asyncio.sleep(self.pace.first_s)
        if self._kind in BODY_FAULTS:
            await self._send_whole(b"".join(map(self.framing.encode, frames)), self.framing.content_type)
            return
        self.exchange.start(200, self.headers, self.framing.content_type)
        await self._pause_after_head()
        gaps = self.pace.gaps()
        first = True
        for action, frame in self._shape(frames):
            if action != "send":
                await self._break_off(action)
                return
            if frame.timed:
                due += 0.0 if first else next(gaps)
                first = False
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                elif self.tokens_sent % _FAIRNESS_TOKENS == 0:
                    await asyncio.sleep(0)
            await self._send_event(frame)
            self.tokens_sent += frame.tokens
            await self.exchange.drain()
        self._complete()

    # events

    def _shape(self, frames: Iterator[Frame]) -> Iterator[tuple[Action, Frame]]:
        """Insert what the fault inserts, once its number of tokens has been sent or the stream is about to end."""
        endings: dict[str, Action] = {"hang-after-first": "hang", "cut-stream": "close", "reset-stream": "reset"}
        pending = self.fault is not None and self._kind in {*endings, *INSERTIONS}
        for frame in frames:
            if pending and self.fault and (self.tokens_sent >= self.fault.argument or frame.is_last):
                pending = False
                if self._kind == "malformed-chunk":
                    yield (
                        "send",
                        replace(
                            frame, payload=frame.payload[: len(frame.payload) * 2 // 3] or b"{", tokens=0, timed=False
                        ),
                    )
                elif self._kind == "unknown-event":
                    yield "send", UNKNOWN_EVENT
                elif self._kind == "error-in-stream":
                    yield "send", self.error_event
                    yield "stop", frame
                else:
                    yield endings[self._kind], frame
            yield "send", frame

    async def _send_event(self, frame: Frame) -> None:
        if self.pace.stamped and frame.payload.endswith(b"}"):
            stamped = b'%s,"sim_sent_at":%d}' % (frame.payload[:-1], monotonic_ns())
            frame = replace(frame, payload=stamped)
        data = self.framing.encode(frame)
        if self._kind == "crlf-lines" and self.framing is SSE:
            data = data.replace(b"\n", b"\r\n")
        if self._kind != "split-utf8":
            self.exchange.write(data)
            return
        assert self.fault is not None
        for piece in split_awkwardly(data):
            self.exchange.write(piece)
            await asyncio.sleep(self.fault.argument / 1000)

    async def _break_off(self, action: Action) -> None:
        if action == "hang":
            await hang()
        elif action == "reset":
            await asyncio.sleep(0.02)  # what was written must leave before the reset discards it
            self.exchange.reset()
        elif action == "close":
            self.exchange.close()
        else:
            self.exchange.finish()
            self.outcome = "error"

    # bodies

    async def _send_whole(self, body: bytes, content_type: bytes) -> None:
        """A body of known length, true or not."""
        match self._kind:
            case "empty-body":
                body = b""
            case "bad-json" | "malformed-chunk":
                body = body[: len(body) * 2 // 3]
            case "huge-body":
                await self._send_huge(content_type)
                return
            case "cut-body" | "cut-stream" | "reset-stream" | "error-in-stream" | "hang-after-first":
                await self._send_half(body, content_type)
                return
        length = len(body) // 2 if self._kind == "lying-length" else len(body)
        self.exchange.start(200, self.headers, content_type, length=length)
        await self._pause_after_head()
        for piece in split_awkwardly(body) if self._kind == "split-utf8" else (body,):
            self.exchange.send_raw(piece)
            if self._kind == "split-utf8":
                await asyncio.sleep(0.001)
        self._complete()

    async def _send_half(self, body: bytes, content_type: bytes) -> None:
        """The head with the true length, half of the body, then nothing, FIN or RST."""
        self.exchange.start(200, self.headers, content_type, length=len(body))
        self.exchange.send_raw(body[: len(body) // 2])
        actions: dict[str, Action] = {"hang-after-first": "hang", "reset-stream": "reset"}
        await self._break_off(actions.get(self._kind, "close"))

    async def _send_huge(self, content_type: bytes) -> None:
        """One JSON string (or one event line) that makes the body exactly as long as the fault's argument."""
        assert self.fault is not None
        before, after = (b'data: {"filler":"', b'"}\n\n') if content_type == EVENT_STREAM else (b'{"filler":"', b'"}')
        length = max(self.fault.argument, len(before) + len(after))
        left = length - len(before) - len(after)
        self.exchange.start(200, self.headers, content_type, length=length)
        self.exchange.send_raw(before)
        while left > 0:
            piece = b"x" * min(left, _PIECE_BYTES)
            self.exchange.send_raw(piece)
            left -= len(piece)
            await self.exchange.drain()
        self.exchange.send_raw(after)
        self._complete()

    # both

    async def _pause_after_head(self) -> None:
        if self.fault is not None and self.fault.kind == "slow-first-byte":
            await asyncio.sleep(self.fault.argument / 1000)

    def _complete(self) -> None:
        """End a complete answer; the idle faults then spoil the kept-alive connection."""
        self.outcome = "completed"
        if self._kind == "stale-idle":
            self.exchange.drop_next_request()
        self.exchange.finish()
        if self._kind == "close-idle":
            self.exchange.close()


def split_awkwardly(data: bytes) -> list[bytes]:
    """Pieces cut inside the first `data:` and inside every multi-byte UTF-8 character."""
    cuts = [2] if data.startswith(b"data:") else []
    cuts += [index + 1 for index, byte in enumerate(data) if byte >= 0xC0]  # after a lead byte
    edges = [0, *cuts, len(data)]
    return [data[start:end] for start, end in pairwise(edges) if end > start]
