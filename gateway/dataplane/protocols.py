"""What the data plane needs from elsewhere, chosen by dotted path in the settings; tests bring fakes."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, runtime_checkable

import psycopg

if TYPE_CHECKING:
    from gateway.dataplane.settle import Attempt, Outcome
    from gateway.dataplane.views import Target

Message = Mapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Coroutine[Any, Any, Message]]
Line = Mapping[str, Any]
Responder = Callable[[Send], Awaitable[None]]
OnBegun = Callable[["Target", int, dict[str, Any]], None]
"""`(target, Unix milliseconds, line)`: the attempt's line so far, to which it may add."""
OnSettled = Callable[["Attempt", "Outcome", Line], None]
Seal = Callable[[int, Sequence[tuple[bytes, bytes]], bytes], Awaitable[None]]
"""`(status, headers, end)`: awaited when an answer is settled and all of it but `end` went past the taps; the last byte
leaves after it."""


class PriceColumns(TypedDict):
    """The price columns of a ledger line, as they are journalled: money as decimal strings."""

    charges: list[dict[str, str]]
    cost: str | None
    list_cost: str | None
    currency: str
    price_status: str


class Pricer(Protocol):
    """Prices usage in memory. `reload` is called from a thread whenever prices changed; it must swap atomically."""

    def reload(self, connection: psycopg.Connection[Any]) -> None:
        """Read overrides through `connection` (inside its snapshot transaction)."""

    def price(
        self,
        usage: Mapping[str, int],
        *,
        price_list: str,
        model: str,
        at: datetime,
        organization: str,
        context: Mapping[str, str],
        served_by: str = "",
    ) -> PriceColumns:
        """Columns for `usage` (token counts by name, as `costs.pricing`). `served_by`: slug of the provider, for prices
        that hold at it alone. Never raises for an unknown model."""


class OutputFilter(Protocol):
    """Guards what the client is sent, in the client's wire format. One instance a call."""

    def whole(self, body: bytes) -> bytes:
        """The body to send instead. Raises `Denied` to send none of it."""

    def feed(self, data: bytes) -> bytes:
        """Stream bytes (whole events) in, what may leave now out; it may hold back a window. Raises `Denied`."""

    def finish(self) -> bytes:
        """What was held back, at the stream's end. Raises `Denied`: the stream then ends with that error."""


class Reviewer(Protocol):
    """Somebody else's word about an answer that is complete. The client is sent nothing before; a stream is held."""

    async def whole(self, body: bytes) -> bytes:
        """The body to send instead. Raises `Denied` to send none of it."""

    async def stream(self, data: bytes) -> None:
        """All events of a stream, in the client's wire format. Raises `Denied` to send none of them."""


class Tap(Protocol):
    """Sees exactly what the client is sent: the whole body, or the stream without the gateway's closing comment."""

    def piece(self, data: bytes) -> None:
        """The next bytes on their way to the client."""

    def finished(self, outcome: "Outcome", line: Line) -> None:
        """The attempt that answered the client was settled; not called when none did."""


class Loader(Protocol):
    """Configuration that an app brings into the snapshot: `runtime.snapshot.extras[name]`.

    Named in `settings.GATEWAY_SNAPSHOT_LOADERS`. `entities` are the names its tables' triggers give to
    `gateway_config_changed`: it loads again when one of them changed (empty: at every change).
    """

    name: str
    entities: frozenset[str]

    def load(self, connection: psycopg.Connection[Any]) -> object:
        """Read through `connection`, in the keeper's thread and inside its REPEATABLE READ snapshot."""


@runtime_checkable
class RefreshedLoader(Loader, Protocol):
    """A loader of something that changes without being configured: it also loads every `refresh_s` seconds."""

    refresh_s: float


class Mount(Protocol):
    """A handler of data-plane paths that call no model; built with the `Runtime` as its only argument.

    Named in `settings.GATEWAY_MOUNTS` by its path.
    """

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; authentication is its own business (`stages.identify`)."""

    def metrics(self) -> list[str]:
        """Lines in Prometheus' text format."""


class Service(Protocol):
    """Something that lives as long as a data-plane process; built with the `Runtime` as its only argument.

    Named in `settings.GATEWAY_SERVICES`; stands in `runtime.services[name]`.
    """

    name: str

    async def start(self) -> None:
        """Before the first call; must not wait long for what may be away."""

    async def close(self) -> None:
        """After the last call."""

    def report(self) -> dict[str, Any]:
        """Figures stored beside the process's heartbeat."""

    def metrics(self) -> list[str]:
        """Lines in Prometheus' text format."""
