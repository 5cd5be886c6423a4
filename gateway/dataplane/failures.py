"""What an upstream's failure means: for the client, for the ledger, and whether another target may be tried."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.dataplane.errors import TIMEOUT_REASONS, ApiError, UpstreamError, upstream_failure

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, 529})
OUR_CREDENTIAL = frozenset({401, 403})  # the provider refused the gateway's key: not the caller's business


@dataclass(frozen=True, slots=True)
class Failure:
    """`error` is the client's answer; `status`, `http_status` and `reason` go to the ledger."""

    error: ApiError
    status: str
    reason: str
    http_status: int | None = None
    retryable: bool = True
    may_have_consumed: bool = False


class PassedThrough(ApiError):
    """The provider's own error body, forwarded."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(status, "upstream_error", "the provider refused the request", headers=headers)
        self.raw = body

    def body(self, dialect: str = "") -> bytes:
        return self.raw


def of_exception(error: UpstreamError) -> Failure:
    """No usable answer. A sent request that went unanswered may still be billed by the provider."""
    if error.reason in TIMEOUT_REASONS:
        return Failure(upstream_failure(error), "timeout", error.reason, may_have_consumed=error.sent)
    consumed = error.sent and error.reason != "stale_connection"
    return Failure(upstream_failure(error), "upstream_error", error.reason, may_have_consumed=consumed)


Read = Callable[[int, bytes], ApiError | None]


def of_status(status: int, body: bytes, retry_after: bytes | None, credential: str, read: Read) -> Failure:
    """An HTTP error of the provider. Its body is passed on for the caller's own mistakes, without our credential.

    `read` turns it into the client's dialect.
    """
    if status in OUR_CREDENTIAL:
        message = "The provider refused the gateway's credential. An administrator has to renew it."
        error = ApiError(502, "upstream_authentication", message, kind="upstream_error")
        return Failure(error, "upstream_error", "upstream_authentication", status)
    headers = {"Retry-After": retry_after.decode("latin-1")} if retry_after and status in (429, 503) else {}
    if 300 <= status < 400:
        error = ApiError(502, "upstream_redirect", "The provider answered with a redirect.", kind="upstream_error")
        return Failure(error, "upstream_error", "upstream_redirect", status, retryable=False)
    safe = body.replace(credential.encode(), b"[redacted]") if credential else body
    if status == 429:
        return Failure(_passed(429, safe, headers, read), "upstream_error", "upstream_rate_limit", status)
    if status >= 500:
        error = ApiError(502, "upstream_error", f"The provider failed with status {status}.", kind="upstream_error",
                         headers=headers)  # fmt: skip
        return Failure(error, "upstream_error", f"upstream_{status}", status, retryable=status in RETRYABLE)
    retryable = status in RETRYABLE
    return Failure(_passed(status, safe, headers, read), "client_error", f"upstream_{status}", status, retryable)


def _passed(status: int, body: bytes, headers: dict[str, str], read: Read) -> ApiError:
    error = read(status, body)
    if error is None:
        message = f"The provider refused the request with status {status}."
        return ApiError(status, "upstream_error", message, kind="upstream_error", headers=headers)
    error.headers |= headers
    return error
