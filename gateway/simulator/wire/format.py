"""What the simulator needs of a wire format. Each format is a module with these functions."""

from collections.abc import Iterable
from typing import Any, Protocol

from gateway.simulator.calls import ProviderError
from gateway.simulator.limits import Level
from gateway.simulator.server import Exchange, Header
from gateway.simulator.turn import Endpoint


class WireFormat(Protocol):
    """One vendor's HTTP surface."""

    def find_endpoint(self, method: bytes, path: bytes) -> Endpoint | None:
        """The endpoint that serves `method path`; `None` when this format has none."""

    def describe(self, exchange: Exchange, payload: Any) -> tuple[str | None, bool]:
        """Model and whether a stream is asked for, for the log; `payload` is the body's JSON or `None`."""

    def authenticate(self, exchange: Exchange) -> str:
        """The caller's key. Raises a 401 or 403 `ProviderError`."""

    def failure(self, status: int, retry_after_s: int) -> ProviderError:
        """A failure of the provider as the vendor words it."""

    def error_body(self, error: ProviderError, number: int) -> bytes:
        """A refusal as this format writes it."""

    def error_headers(self, error: ProviderError) -> list[Header]:
        """Headers that name the failure; none for most."""

    def base_headers(self, number: int) -> list[Header]:
        """Headers of every answer; `number` is the request's deterministic 64-bit number."""

    def limit_headers(self, levels: Iterable[Level]) -> list[Header]:
        """The vendor's rate-limit headers."""

    def timing_headers(self, elapsed_ms: float) -> list[Header]:
        """The vendor's header about its own working time; none for most."""
