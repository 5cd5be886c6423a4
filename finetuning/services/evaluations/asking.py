"""One question to one model, through the gateway as any application asks it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

PATIENCE_S = 120.0
TRIES = 3
PAUSE_S = 1.0
WORTH_AGAIN = (408, 409, 429, 500, 502, 503, 504, 529)


@dataclass(frozen=True, slots=True)
class Reply:
    """`error` empty: answered. `cost` None: not priced, or not told; `currency` is of the price. `refusal`: the error's
    code, `budget`: which budget refused it. `is_cut`: a budget had no room for the rest of the answer."""

    text: str = ""
    calls: Sequence[Mapping[str, Any]] = field(default=())
    request_id: str = ""
    cost: Decimal | None = None
    currency: str = "USD"
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency_ms: int | None = None
    error: str = ""
    is_final: bool = True
    """False: it would be worth asking again."""
    refusal: str = ""
    budget: str = ""
    is_cut: bool = False


def ask(secret: str, body: Mapping[str, Any], *, tags: str) -> Reply:
    """The answer to `/v1/chat/completions`; asked again when the gateway or the provider is busy."""
    reply = Reply(error="never asked")
    for number in range(TRIES):
        if number:
            time.sleep(PAUSE_S * number)
        reply = _once(secret, body, tags)
        if reply.is_final:
            break
    return reply


def knows(secret: str) -> bool:
    """Whether the data plane serves this key already."""
    try:
        status, _, _ = _exchange("GET", "/v1/models", secret, None, {})
    except (OSError, HTTPException):
        return False
    return status == 200


def _once(secret: str, body: Mapping[str, Any], tags: str) -> Reply:
    started = time.monotonic()
    try:
        status, headers, data = _exchange("POST", "/v1/chat/completions", secret, body, {"X-Gateway-Tags": tags})
    except (OSError, HTTPException) as error:
        return Reply(error=f"No answer: {type(error).__name__}.", is_final=False)
    elapsed = round((time.monotonic() - started) * 1000)
    request_id = headers.get("x-request-id", "")
    try:
        said = json.loads(data)
        if status != 200:
            message = str(said["error"]["message"])
            return Reply(
                request_id=request_id, error=message[:500], is_final=status not in WORTH_AGAIN,
                refusal=str(said["error"].get("code") or ""), budget=headers.get("x-gateway-budget", ""),
            )  # fmt: skip
        choice = said["choices"][0]
        message = choice["message"]
        usage = said.get("usage") or {}
    except (ValueError, LookupError, TypeError):
        return Reply(request_id=request_id, error=f"An answer of no known shape (status {status}).")
    return Reply(
        message.get("content") or "", message.get("tool_calls") or (), request_id,
        _decimal(headers.get("x-gateway-cost")), headers.get("x-gateway-currency", "USD"),
        usage.get("prompt_tokens"), usage.get("completion_tokens"), elapsed,
        is_cut="x-gateway-output-cap" in headers and choice.get("finish_reason") == "length",
    )  # fmt: skip


def _exchange(
    method: str, path: str, secret: str, body: Mapping[str, Any] | None, more: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(settings.GATEWAY_INTERNAL_URL)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = make(parts.hostname or "127.0.0.1", parts.port, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json", **more}
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def _decimal(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None
