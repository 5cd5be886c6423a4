"""Exceptions. Everything that this package raises on purpose is a `GatewayError`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class GatewayError(Exception):
    """The base of all."""


class ConfigurationError(GatewayError):
    """The client was made or called in a way that cannot work, such as without a key."""


class ConnectionFailed(GatewayError):
    """No answer: the connection could not be made or broke. `sent`: the server may have seen the request."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class TimedOut(ConnectionFailed):
    """`phase` is `connect`, `first_byte`, `idle` or `total`."""

    def __init__(self, phase: str, seconds: float, *, sent: bool = True) -> None:
        super().__init__(f"no {_WAITED[phase]} within {seconds:g} s ({phase} time-out)", sent=sent)
        self.phase = phase


_WAITED = {"connect": "connection", "first_byte": "answer", "idle": "further bytes", "total": "complete answer"}


class Cancelled(GatewayError):
    """The caller cancelled the call."""


class DecodeError(GatewayError):
    """The answer is not what its status promises, such as no JSON."""


class StreamInterrupted(GatewayError):
    """A stream ended early. `partial` is the answer as far as it had come (None where events do not add up), `code` the
    gateway's word when it said why, else None."""

    def __init__(self, message: str, *, code: str | None, request_id: str | None, partial: Any) -> None:
        super().__init__(message + (f" (request {request_id})" if request_id else ""))
        self.message = message
        self.code = code
        self.request_id = request_id
        self.partial = partial


class APIError(GatewayError):
    """The gateway, or a provider through it, answered with an error. `code` is the stable word to program against,
    None when the answer has none; `body` is the answer's JSON, else its text; `doc_url` explains the code, None when
    the client was made without an address for documentation."""

    docs = ""

    def __init__(
        self, status: int, code: str | None, message: str, *, headers: Mapping[str, str], body: Any, param: str | None
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.headers = headers
        self.body = body
        self.request_id = headers.get("x-request-id")
        self.doc_url = f"{self.docs}#{code}" if code and self.docs else None
        shown = f"{status} {code or ''}".strip()
        super().__init__(f"{shown}: {message}" + (f" (request {self.request_id})" if self.request_id else ""))

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the server asks to wait; None when it does not."""
        from .core import retry_after

        return retry_after(self.headers)


class BadRequest(APIError):
    """400, and other refusals of what was sent (405, 413, 415 …)."""


class AuthenticationFailed(APIError):
    """401: no key, or one that is mistyped, expired or revoked."""


class PaymentRequired(APIError):
    """402: a budget is used up."""


class PermissionDenied(APIError):
    """403."""


class NotFound(APIError):
    """404: it does not exist, or not for this key."""


class Conflict(APIError):
    """409."""


class Unprocessable(APIError):
    """422."""


class RateLimited(APIError):
    """429: wait `retry_after_s`."""


class ServerError(APIError):
    """500 and above."""


STATUSES: dict[int, type[APIError]] = {
    400: BadRequest, 401: AuthenticationFailed, 402: PaymentRequired, 403: PermissionDenied, 404: NotFound,
    409: Conflict, 422: Unprocessable, 429: RateLimited,
}  # fmt: skip


def of_status(status: int) -> type[APIError]:
    return STATUSES.get(status) or (ServerError if status >= 500 else BadRequest)
