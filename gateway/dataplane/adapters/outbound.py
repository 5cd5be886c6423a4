"""What an adapter hands the relay for one target: the request, and how to read what comes back.

This is the protocol every adapter follows. `wire.WireAdapter` implements it for all whose formats stand in
`gateway.dataplane.formats`, so that a new vendor writes its format module and an HTTP head, no more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.dataplane.errors import ApiError
from gateway.dataplane.usage import Usage


@dataclass(slots=True)
class Answer:
    """A whole answer in the client's dialect. `usage` None: the vendor reported none, `texts` are then counted, and
    `with_usage` writes the body of a translated answer anew with what was counted.
    """

    body: bytes
    usage: Usage | None
    finish_reason: str | None = None
    tool_calls: int = 0
    texts: list[str] = field(default_factory=list)
    with_usage: Callable[[Usage], bytes] | None = None


class Watcher(Protocol):
    """One stream on its way to the client.

    `tail` is the mark that ends every stream of the client's dialect, once the vendor said that this one is complete
    (`is_done`); the gateway's comment stands before it. `has_error`: an error event of the vendor passed. `is_broken`:
    the vendor sent an event that is no JSON object; nothing from there on is for the client.
    """

    tail: bytes
    has_error: bool
    is_done: bool

    @property
    def is_broken(self) -> bool: ...

    @property
    def next_number(self) -> int:
        """The number of the next event, in a dialect that numbers them."""

    def feed(self, data: bytes) -> bytes:
        """Upstream bytes → bytes for the client, now."""

    @property
    def lacks_usage(self) -> bool:
        """Whether a translated stream that came to its end has no usage to tell the client."""

    def take_usage(self, counted: Usage) -> None:
        """What was counted instead, before `finish`."""

    def finish(self) -> bytes:
        """What is left when the upstream ended."""

    def usage(self) -> Usage | None:
        """The vendor's last report that is not zero; None without one. Its source is `usage.PARTIAL` when the answer
        had not ended then.
        """

    def finish_reason(self) -> str | None:
        """Why the (last) choice ended, in the vendor's words."""

    def tool_calls(self) -> int:
        """How many tool calls passed."""

    def texts(self) -> list[str]:
        """The text that arrived, to be counted when the vendor reported no usage."""


class Outbound(Protocol):
    """One call to one target. `dropped` are the caller's fields that the target cannot express, where allowed."""

    dropped: Sequence[str]

    def request(self, attempt_id: str) -> bytes:
        """The whole HTTP/1.1 request, head and body."""

    def answer(self, body: bytes) -> Answer:
        """Raises `UpstreamError` ("invalid_answer")."""

    def watcher(self) -> Watcher:
        """A fresh one for an attempt whose answer is a stream."""

    def raw_watcher(self) -> Watcher:
        """The same for an answer that is a file; asked for of `is_binary` endpoints only."""

    def judged(self, status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
        """What the vendor's status and `Retry-After` mean in everybody's words, where its own are different."""

    def refusal(self, status: int, body: bytes) -> ApiError | None:
        """The vendor's error body, without our credential, for the client; None when it has no known shape."""
