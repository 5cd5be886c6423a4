"""Errors of the data plane, in OpenAI's wire format: `{"error": {message, type, param, code}}`."""

from collections.abc import Mapping
from typing import Any

import orjson


def _encodable(text: str) -> str:
    """The caller's words may hold lone surrogates, which no answer can."""
    return text.encode("utf-8", "replace").decode()


class ApiError(Exception):
    """An answer that is not the model's. `status` is the HTTP status; `code` is stable and documented."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = _encodable(message)
        self.kind = kind
        self.param = _encodable(param) if param is not None else None
        self.headers = dict(headers or {})

    def body(self, dialect: str = "") -> bytes:
        """The answer's body in the wire format of the client."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})

    def event(self, dialect: str = "") -> bytes:
        """The same as an event of a stream that has begun."""
        return b"data: " + self.body(dialect) + b"\n\n"


class Denied(ApiError):
    """A refusal of an authenticated caller (402, 403, unknown model, 429): it leaves a zero-cost ledger line."""

    def after_settlement(self) -> ApiError:
        """The same answer for a call whose attempt has its line already."""
        return ApiError(self.status, self.code, self.message, kind=self.kind, param=self.param, headers=self.headers)


class UpstreamError(Exception):
    """The upstream could not answer. `reason` is the ledger's `error_type`; `sent`: it may have seen the request;
    `received`: what had arrived of a whole answer's body.
    """

    def __init__(self, reason: str, message: str, *, sent: bool = True, received: bytes = b"") -> None:
        super().__init__(message)
        self.reason = reason
        self.sent = sent
        self.received = received


CONNECT_REASONS = frozenset({"connect_error", "dns_error", "address_refused", "tls_error"})
TIMEOUT_REASONS = frozenset({"connect_timeout", "first_byte_timeout", "idle_timeout", "total_timeout"})


def upstream_failure(error: UpstreamError) -> ApiError:
    """What the client is told: 504 for time-outs, 502 otherwise; never the upstream's address or credential."""
    if error.reason in TIMEOUT_REASONS:
        return ApiError(504, "upstream_timeout", f"The provider did not answer in time ({error.reason}).",
                        kind="upstream_error")  # fmt: skip
    failed = "could not be reached" if error.reason in CONNECT_REASONS else "broke off or gave no valid answer"
    return ApiError(502, "upstream_error", f"The provider {failed} ({error.reason}).", kind="upstream_error")
