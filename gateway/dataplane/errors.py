"""Errors of the data plane, said in the client's wire format.

OpenAI's: `{"error": {message, type, param, code}}`; Anthropic's: `{"type": "error", "error": {type, message}}`
(Anthropic API documentation, "Errors", with the type of each status), and in it the gateway's `code`, which Anthropic's
has no word for.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dataplane.endpoints import ANTHROPIC_COUNT, ANTHROPIC_MESSAGES, OPENAI_RESPONSES

ANTHROPIC = frozenset({ANTHROPIC_MESSAGES, ANTHROPIC_COUNT})
ANTHROPIC_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 408: "timeout_error", 409: "conflict_error", 413: "request_too_large",
    429: "rate_limit_error", 503: "overloaded_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


def anthropic_type(status: int) -> str:
    """Anthropic's error type of an HTTP status."""
    return ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


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
        if dialect in ANTHROPIC:
            is_named = not self.param or self.message.lstrip("'").startswith(self.param)
            named = self.message if is_named else f"{self.param}: {self.message}"
            said = {"type": anthropic_type(self.status), "message": named, "code": self.code}
            return orjson.dumps({"type": "error", "error": said})
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})

    def event(self, dialect: str = "", number: int = 0) -> bytes:
        """The same as an event of a stream that has begun; `number` is its place where a dialect numbers events."""
        if dialect in ANTHROPIC:
            return b"event: error\ndata: " + self.body(dialect) + b"\n\n"
        if dialect == OPENAI_RESPONSES:
            said = {"type": "error", "code": self.code, "message": self.message, "param": self.param,
                    "sequence_number": number}  # fmt: skip
            return b"event: error\ndata: " + orjson.dumps(said) + b"\n\n"
        return b"data: " + self.body(dialect) + b"\n\n"


class Denied(ApiError):
    """A refusal of an authenticated caller (402, 403, unknown model, 429): it leaves a zero-cost ledger line."""

    def after_settlement(self) -> ApiError:
        """The same answer for a call whose attempt has its line already."""
        return ApiError(self.status, self.code, self.message, kind=self.kind, param=self.param, headers=self.headers)


NOT_OURS = frozenset({"low_confidence", "guardrail_unavailable"})
"""Nobody's fault, and that of a customer's own service."""


def is_our_fault(error: ApiError) -> bool:
    """Whether the gateway could not do its work: no refusal of a caller, no failure of a provider."""
    if error.code in NOT_OURS or isinstance(error, Denied):
        return False
    return error.status in (500, 503) and error.kind == "api_error"


class UpstreamError(Exception):
    """The upstream could not answer. `reason` is the ledger's `error_type`; `sent`: it may have seen the request;
    `received`: what had arrived of a whole answer's body.
    """

    def __init__(self, reason: str, message: str, *, sent: bool = True, received: bytes = b"") -> None:
        super().__init__(message)
        self.reason = reason
        self.sent = sent
        self.received = received


class Declined(UpstreamError):
    """The target works, and leaves this call to the next one: nobody's fault. The message is for the client of a call
    that has no next one."""


CONNECT_REASONS = frozenset({"connect_error", "dns_error", "address_refused", "tls_error", "proxy_error"})
TIMEOUT_REASONS = frozenset({"connect_timeout", "first_byte_timeout", "idle_timeout", "total_timeout"})


def upstream_failure(error: UpstreamError) -> ApiError:
    """What the client is told: 504 for time-outs, 502 otherwise; never the upstream's address or credential."""
    if error.reason in TIMEOUT_REASONS:
        return ApiError(504, "upstream_timeout", f"The provider did not answer in time ({error.reason}).",
                        kind="upstream_error")  # fmt: skip
    failed = "could not be reached" if error.reason in CONNECT_REASONS else "broke off or gave no valid answer"
    return ApiError(502, "upstream_error", f"The provider {failed} ({error.reason}).", kind="upstream_error")
