"""What a client and a single call can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Timeouts:
    """Seconds. `connect`: until the connection stands; `first_byte`: until the answer begins; `idle`: between two
    pieces of an answer; `total`: of the whole call, repeats and their pauses included."""

    __slots__ = ("connect", "first_byte", "idle", "total")

    def __init__(
        self, connect: float = 5.0, first_byte: float = 120.0, idle: float = 60.0, total: float = 600.0
    ) -> None:
        self.connect = connect
        self.first_byte = first_byte
        self.idle = idle
        self.total = total

    def replaced(self, said: Mapping[str, Any]) -> Timeouts:
        current = {name: getattr(self, name) for name in self.__slots__}
        return Timeouts(**{**current, **said})


class TimeoutOptions(TypedDict, total=False):
    """Overrides of a client's time-outs, in seconds."""

    connect: float
    first_byte: float
    idle: float
    total: float


class RequestOptions(TypedDict, total=False):
    """Of one call. `tags`, `end_user`, `cache` and `route` are the gateway's headers for accounting, the response cache
    and routing; `organization` chooses one where the caller belongs to several."""

    timeouts: TimeoutOptions
    max_retries: int
    idempotency_key: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    tags: Mapping[str, str]
    end_user: str
    cache: str
    route: str
    organization: str
    cancel: Cancel
    on_progress: Callable[[int, int | None], None]


class Call(TypedDict, total=False):
    """What every method takes."""

    request_options: RequestOptions


class Listed(Call, total=False):
    """What most lists take."""

    ordering: str
    page: int
    page_size: int
    search: str


class Cancel:
    """Ends calls from another thread or task: `cancel()` breaks what runs, `Cancelled` is raised where it ran."""

    __slots__ = ("_callbacks", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def is_set(self) -> bool:
        return self._is_set

    def cancel(self) -> None:
        self._is_set = True
        for callback in list(self._callbacks):
            callback()

    def watch(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        if self._is_set:
            callback()

    def unwatch(self, callback: Callable[[], None]) -> None:
        if callback in self._callbacks:
            self._callbacks.remove(callback)


class Retry:
    """Told to `on_retry` before a pause: `attempt` counts from 1, `status` is None when there was no answer."""

    __slots__ = ("attempt", "delay_s", "reason", "status")

    def __init__(self, attempt: int, delay_s: float, status: int | None, reason: str) -> None:
        self.attempt = attempt
        self.delay_s = delay_s
        self.status = status
        self.reason = reason


# seen by the annotations above when this module runs
if not TYPE_CHECKING:
    from collections.abc import Callable, Mapping
