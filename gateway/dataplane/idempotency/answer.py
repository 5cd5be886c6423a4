"""An answer as the client was sent it, and how it is replayed. Pure but for the clock."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.dataplane.cache.entry import pack, unpack
from gateway.dataplane.call import Call
from gateway.dataplane.protocols import Send

Headers = list[tuple[bytes, bytes]]
KEPT_HEADERS = frozenset(
    {b"content-type", b"cache-control", b"x-accel-buffering", b"openai-processing-ms", b"openai-version"}
)
KEPT_PREFIX = b"x-gateway-"
REPLAY_HEADER = b"x-gateway-idempotent-replay"
ORIGINAL_HEADER = b"x-gateway-original-request-id"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and bytes of a complete answer; a stream's bytes to its last event. `request_id` is of the call
    that was made for it, `stored_at` Unix seconds."""

    request_id: str
    stored_at: float
    status: int
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, call: Call, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> "Answer":
        """Without the headers that say something of the moment: length, ids, rate limits."""
        kept = [pair for pair in headers if pair[0] in KEPT_HEADERS or pair[0].startswith(KEPT_PREFIX)]
        return cls(call.request_id, time.time(), status, kept, body)

    def encode(self) -> bytes:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        facts = {"request_id": self.request_id, "stored_at": self.stored_at, "status": self.status, "headers": headers}
        return pack(facts, self.body)

    @classmethod
    def decode(cls, data: bytes) -> "Answer":
        """Raises `ValueError` for anything `encode` did not write."""
        facts, body = unpack(data)
        try:
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in facts["headers"]]
            return cls(facts["request_id"], facts["stored_at"], facts["status"], headers, body)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a stored answer") from error


def replay(call: Call, answer: Answer) -> None:
    """Let the call be answered with `answer`. No line is booked: nothing was asked of anybody."""
    headers = [
        *answer.headers,
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", call.request_id.encode()),
        (REPLAY_HEADER, b"true"),
        (ORIGINAL_HEADER, answer.request_id.encode()),
        *call.response_headers,
    ]
    if call.endpoint.is_anthropic:
        headers.append((b"request-id", call.request_id.encode()))  # where Anthropic's clients look for it

    async def respond(send: Send) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    call.responder = respond
