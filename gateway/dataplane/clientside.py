"""What the client is sent: the answer on its way through the call's output filters and past its taps."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.dataplane.call import Call
from gateway.dataplane.protocols import Line

if TYPE_CHECKING:
    from gateway.dataplane.settle import Outcome


logger = logging.getLogger(__name__)


async def seal(call: Call, status: int, headers: Sequence[tuple[bytes, bytes]], end: bytes = b"") -> None:
    """Before the last byte of a settled answer: what waits for it is done. A failure there must not cost the answer."""
    for sealed in call.sealing:
        try:
            await sealed(status, headers, end)
        except Exception:
            logger.exception("sealing the answer of %s failed", call.request_id)


class Collected:
    """Bytes of an answer up to a limit; of a longer one nothing is kept."""

    __slots__ = ("_limit", "_parts", "size")

    def __init__(self, limit_bytes: int) -> None:
        self.size = 0
        self._limit = limit_bytes
        self._parts: list[bytes] = []

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.fits:
            self._parts.append(data)
        else:
            self._parts.clear()

    @property
    def fits(self) -> bool:
        return self.size <= self._limit

    def bytes(self) -> bytes:
        return b"".join(self._parts)


class ClientSide:
    """Filters in order, then taps. Without either, bytes pass untouched."""

    __slots__ = ("_filters", "_taps", "has_filtered")

    def __init__(self, call: Call) -> None:
        self._filters = call.filters
        self._taps = call.taps
        self.has_filtered = False

    def whole(self, body: bytes) -> bytes:
        """A whole answer's body after the filters. Raises `Denied` when one forbids it."""
        for guard in self._filters:
            body = guard.whole(body)
        return body

    def feed(self, data: bytes) -> bytes:
        """The next bytes of a stream; less than came in while a filter holds some back. Raises `Denied`."""
        for guard in self._filters:
            self.has_filtered = True
            data = guard.feed(data)
        return self.tapped(data)

    def finish(self, data: bytes) -> bytes:
        """The stream's last bytes and everything that was held back. Raises `Denied`."""
        for guard in self._filters:
            data = guard.feed(data) + guard.finish()
        return self.tapped(data)

    def finished(self, outcome: "Outcome", line: Line) -> None:
        for tap in self._taps:
            tap.finished(outcome, line)

    def tapped(self, data: bytes) -> bytes:
        """The same, seen by the taps."""
        if data:
            for tap in self._taps:
                tap.piece(data)
        return data
