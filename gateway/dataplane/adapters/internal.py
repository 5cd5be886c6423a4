"""Calls that this process answers itself, for a provider that is no server: everything but the exchange is as ever."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from gateway.dataplane.adapters.outbound import Answer, Outbound, Watcher
from gateway.dataplane.connection import Exchange
from gateway.dataplane.errors import ApiError
from gateway.dataplane.usage import Usage


class Internal:
    """An `Outbound` over the one that would have been sent: that one reads what `perform` answers, in its wire format.

    The usage in the answer is what this process has counted, and is told so.
    """

    def __init__(self, inner: Outbound) -> None:
        self.inner = inner
        self.dropped: Sequence[str] = inner.dropped

    async def perform(self, attempt_id: str) -> Exchange:
        """The answer. Raises `UpstreamError` when there can be none; `Exchange.declined` leaves it to the next."""
        raise NotImplementedError

    def request(self, attempt_id: str) -> bytes:
        return self.inner.request(attempt_id)

    def answer(self, body: bytes) -> Answer:
        found = self.inner.answer(body)
        found.usage = _counted(found.usage)
        return found

    def watcher(self) -> Watcher:
        return cast("Watcher", _Counting(self.inner.watcher()))

    def raw_watcher(self) -> Watcher:
        return self.inner.raw_watcher()

    def judged(self, status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
        return self.inner.judged(status, retry_after, body)

    def refusal(self, status: int, body: bytes) -> ApiError | None:
        return self.inner.refusal(status, body)


class _Counting:
    """A `Watcher` whose usage was counted here."""

    def __init__(self, inner: Watcher) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def usage(self) -> Usage | None:
        return _counted(self._inner.usage())


def _counted(used: Usage | None) -> Usage | None:
    return used and replace(used, source="counted")
