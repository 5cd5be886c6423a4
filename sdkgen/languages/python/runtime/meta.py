"""What the gateway says beside an answer, in its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal


class RateWindow:
    """A rate limit that is nearest to its end. Each is None when the gateway says nothing of it."""

    __slots__ = ("limit", "remaining", "reset_s")

    def __init__(self, headers: Mapping[str, str], kind: str) -> None:
        self.limit = _whole(headers.get(f"x-ratelimit-limit-{kind}"))
        self.remaining = _whole(headers.get(f"x-ratelimit-remaining-{kind}"))
        self.reset_s = _seconds(headers.get(f"x-ratelimit-reset-{kind}"))

    def __repr__(self) -> str:
        return f"RateWindow(limit={self.limit}, remaining={self.remaining}, reset_s={self.reset_s})"


class GatewayInfo:
    """Of one answer. Everything is None when the gateway did not say it. `retries` is how often this client repeated
    the call."""

    __slots__ = ("_stream", "content", "headers", "retries", "status")

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes = b"", retries: int = 0) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.retries = retries
        self._stream: Mapping[str, Any] = {}

    def note(self, said: Mapping[str, Any]) -> None:
        """What a stream says in its last comment."""
        self._stream = said

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-request-id")

    @property
    def cost(self) -> Decimal | None:
        """Of the answering attempt, in the price's currency; of a stream once it has ended. None: not known, which is
        not free."""
        said = self.headers.get("x-gateway-cost", self._stream.get("cost"))
        if said is None:
            return None
        from decimal import Decimal

        return Decimal(str(said))

    @property
    def cache(self) -> str | None:
        """`hit`, `miss` or `bypass`."""
        return self.headers.get("x-gateway-cache")

    @property
    def provider(self) -> str | None:
        return self.headers.get("x-gateway-provider")

    @property
    def model(self) -> str | None:
        return self.headers.get("x-gateway-model")

    @property
    def attempts(self) -> int | None:
        """How many providers the gateway tried."""
        return _whole(self.headers.get("x-gateway-attempts"))

    @property
    def dropped(self) -> tuple[str, ...]:
        """Fields of the request that the target could not express and the route let drop."""
        return _listed(self.headers.get("x-gateway-dropped"))

    @property
    def guardrails(self) -> tuple[str, ...]:
        """`name=action` of each guardrail that found something."""
        return _listed(self.headers.get("x-gateway-guardrail"))

    @property
    def replayed(self) -> bool:
        """The answer of an earlier call with the same idempotency key: this one was not made, and costs nothing."""
        return self.headers.get("x-gateway-idempotent-replay") == "true"

    @property
    def original_request_id(self) -> str | None:
        return self.headers.get("x-gateway-original-request-id")

    @property
    def requests(self) -> RateWindow:
        return RateWindow(self.headers, "requests")

    @property
    def tokens(self) -> RateWindow:
        return RateWindow(self.headers, "tokens")

    def __repr__(self) -> str:
        return (
            f"GatewayInfo(status={self.status}, request_id={self.request_id!r}, cost={self.cost!r}, "
            f"cache={self.cache!r}, provider={self.provider!r}, attempts={self.attempts!r}, retries={self.retries})"
        )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _seconds(text: str | None) -> float | None:
    try:
        return float(text.removesuffix("s")) if text is not None else None
    except ValueError:
        return None


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()
