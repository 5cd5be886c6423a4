"""What an upstream's failure means: for the client, for the ledger, and whether another target may be tried."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.dataplane.errors import TIMEOUT_REASONS, ApiError, Declined, UpstreamError, upstream_failure

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, 529})
BAD_ANSWERS = frozenset(
    {"invalid_answer", "invalid_event", "protocol_error", "response_too_large", "incomplete_stream", "stream_error"}
)
OUR_CREDENTIAL = 401  # the provider refused the gateway's key: not the caller's business
FORBIDDEN = 403  # what was asked is not allowed there; vendors that mean the key say 401 by their adapter's `judge`


def is_worth_another(status: int) -> bool:
    """Whether another target may answer where this one had `status`."""
    return status in RETRYABLE or status in (OUR_CREDENTIAL, FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Failure:
    """`error` is the client's answer; `status`, `http_status` and `reason` go to the ledger.

    `retryable`: another target may do better. `kind` is what a route's retries are chosen by: `connection`, `timeout`,
    `rate_limit`, `server_error`; empty for what the same target would refuse again.
    """

    error: ApiError
    status: str
    reason: str
    http_status: int | None = None
    retryable: bool = True
    may_have_consumed: bool = False
    kind: str = ""
    retry_after_s: float | None = None


class PassedThrough(ApiError):
    """The provider's own error body, forwarded."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(status, "upstream_error", "the provider refused the request", headers=headers)
        self.raw = body

    def body(self, dialect: str = "") -> bytes:
        return self.raw


def of_exception(error: UpstreamError) -> Failure:
    """No usable answer. A sent request that went unanswered may still be billed by the provider."""
    if isinstance(error, Declined):
        refusal = ApiError(503, error.reason, str(error), kind="api_error")
        return Failure(refusal, "cancelled", error.reason, may_have_consumed=True)
    if error.reason in TIMEOUT_REASONS:
        return Failure(upstream_failure(error), "timeout", error.reason, may_have_consumed=error.sent, kind="timeout")
    consumed = error.sent and error.reason != "stale_connection"
    kind = "server_error" if error.reason in BAD_ANSWERS else "connection"
    return Failure(upstream_failure(error), "upstream_error", error.reason, may_have_consumed=consumed, kind=kind)


def of_deadline() -> Failure:
    """The route's deadline ended an attempt that had its own time-outs left."""
    message = "The call's deadline passed before a provider had answered (deadline_exceeded)."
    error = ApiError(504, "deadline_exceeded", message, kind="upstream_error")
    return Failure(error, "timeout", "deadline_exceeded", retryable=False, may_have_consumed=True, kind="timeout")


Read = Callable[[int, bytes], ApiError | None]


def of_status(status: int, body: bytes, retry_after: bytes | None, credential: str, read: Read) -> Failure:
    """An HTTP error of the provider. Its body is passed on for the caller's own mistakes, without our credential.

    `read` turns it into the client's dialect.
    """
    if status == OUR_CREDENTIAL:
        message = (
            "The provider refused the gateway's credential. An administrator has to renew it."
            if credential
            else "The provider wants a credential, and none is stored. An administrator has to add it."
        )
        error = ApiError(502, "upstream_authentication", message, kind="upstream_error")
        return Failure(error, "upstream_error", "upstream_authentication", status)
    headers = {"Retry-After": retry_after.decode("latin-1")} if retry_after and status in (429, 503) else {}
    pause_s = seconds_of(retry_after) if headers else None
    if 300 <= status < 400:
        error = ApiError(502, "upstream_redirect", "The provider answered with a redirect.", kind="upstream_error")
        return Failure(error, "upstream_error", "upstream_redirect", status, retryable=False)
    safe = body.replace(credential.encode(), b"[redacted]") if credential else body
    if status == 429:
        error = _passed(429, safe, headers, read)
        return Failure(error, "upstream_error", "upstream_rate_limit", status, kind="rate_limit", retry_after_s=pause_s)
    if status >= 500:
        error = ApiError(502, "upstream_error", f"The provider failed with status {status}.", kind="upstream_error",
                         headers=headers)  # fmt: skip
        retryable = status in RETRYABLE
        kind = "server_error" if retryable else ""
        return Failure(
            error, "upstream_error", f"upstream_{status}", status, retryable, kind=kind, retry_after_s=pause_s
        )
    error, kind = _passed(status, safe, headers, read), "timeout" if status in RETRYABLE else ""
    return Failure(error, "client_error", f"upstream_{status}", status, is_worth_another(status), kind=kind)


def seconds_of(retry_after: bytes | None) -> float | None:
    """`Retry-After` in seconds, given as a number or as a date (RFC 9110 §10.2.3); None when it is neither."""
    text = (retry_after or b"").decode("latin-1").strip()
    if text.replace(".", "", 1).isdecimal():  # some vendors send fractions
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _passed(status: int, body: bytes, headers: dict[str, str], read: Read) -> ApiError:
    error = read(status, body)
    if error is None:
        message = f"The provider refused the request with status {status}."
        return ApiError(status, "upstream_error", message, kind="upstream_error", headers=headers)
    error.headers |= headers
    return error
