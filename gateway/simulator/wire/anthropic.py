"""Anthropic's endpoints: messages, token counts, models.

Source: https://platform.claude.com/docs/en/api/messages, …/api/messages-count-tokens, …/api/models-list,
…/api/errors and …/api/rate-limits.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.simulator.calls import ProviderError
from gateway.simulator.catalog import CATALOG, SimModel, find_model
from gateway.simulator.latency import Pace
from gateway.simulator.limits import Level
from gateway.simulator.request_log import Outcome
from gateway.simulator.server import Exchange, Header
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import anthropic_requests as requests
from gateway.simulator.wire import anthropic_responses as responses
from gateway.simulator.wire.talking import answer_call, stream, visible_s

MESSAGES_PATH = b"/v1/messages"
COUNT_PATH = b"/v1/messages/count_tokens"
MODELS_PATH = b"/v1/models"
VERSION = b"2023-06-01"

_ERRORS: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "The simulated provider was asked to refuse this request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    413: ("request_too_large", "Request exceeds the maximum allowed number of bytes."),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_WITH_RETRY_AFTER = (429, 503, 529)


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint that serves `method path`; `None` when this format has none."""
    if method == b"POST":
        return {MESSAGES_PATH: messages, COUNT_PATH: count_tokens}.get(path)
    if method == b"GET" and (path == MODELS_PATH or path.startswith(MODELS_PATH + b"/")):
        return models
    return None


def describe(exchange: Exchange, payload: Any) -> tuple[str | None, bool]:
    """`model` and `stream` of the body."""
    fields = payload if isinstance(payload, dict) else {}
    model = fields.get("model")
    return model if isinstance(model, str) else None, fields.get("stream") is True


def authenticate(exchange: Exchange) -> str:
    """The `x-api-key` header, or a bearer token. Raises 401 without one and for `sk-invalid`, 400 without a version."""
    headers = exchange.headers
    key = headers.get(b"x-api-key") or headers.get(b"authorization", b"").removeprefix(b"Bearer ").strip()
    if not key:
        raise ProviderError(401, "x-api-key header is required")
    if key == b"sk-invalid":
        raise ProviderError(401, "invalid x-api-key")
    if b"anthropic-version" not in headers:
        raise ProviderError(400, "anthropic-version: header is required")
    return key.decode("latin-1")


def failure(status: int, retry_after_s: int) -> ProviderError:
    """A failure in Anthropic's words."""
    _, message = _ERRORS.get(status, ("api_error", "The simulated provider failed."))
    headers = [(b"retry-after", b"%d" % retry_after_s)] if status in _WITH_RETRY_AFTER else []
    return ProviderError(status, message, headers=headers)


def error_body(error: ProviderError, number: int) -> bytes:
    """A refusal as this format writes it; the type follows from the status."""
    default = "invalid_request_error" if error.status < 500 else "api_error"
    kind = _ERRORS.get(error.status, (default, ""))[0]
    body = {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": _request_id(number)}
    return orjson.dumps(body)


def _request_id(number: int) -> str:
    return f"req_{number:024x}"


def error_headers(error: ProviderError) -> list[Header]:
    """None."""
    return []


def base_headers(number: int) -> list[Header]:
    """`request-id`."""
    return [(b"request-id", _request_id(number).encode())]


def limit_headers(levels: Iterable[Level]) -> list[Header]:
    """The `anthropic-ratelimit-*` headers; a reset is a point in time."""
    headers = []
    for level in levels:
        kind = level.name.encode()
        reset = datetime.fromtimestamp(time.time() + level.reset_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        headers += [
            (b"anthropic-ratelimit-%s-limit" % kind, b"%d" % level.limit),
            (b"anthropic-ratelimit-%s-remaining" % kind, b"%d" % level.remaining),
            (b"anthropic-ratelimit-%s-reset" % kind, reset.encode()),
        ]
    return headers


def timing_headers(elapsed_ms: float) -> list[Header]:
    """None."""
    return []


async def messages(turn: Turn) -> Outcome:
    """`POST /v1/messages`, streamed or whole."""
    call = requests.parse_messages(requests.read_object(turn.exchange.body))
    model = _require_model(call.model, any_model=turn.options.any_model)
    if len(call.prompt) > model.context_tokens:
        message = f"prompt is too long: {len(call.prompt)} tokens > {model.context_tokens} maximum"
        raise ProviderError(400, message)
    if call.max_tokens and call.max_tokens > model.max_output_tokens:
        message = (
            f"max_tokens: {call.max_tokens} > {model.max_output_tokens}, which is the maximum allowed number of output "
            f"tokens for {model.name}"
        )
        raise ProviderError(400, message)
    answer, delivery = answer_call(turn, model, call)
    turn.record.usage = responses.usage_object(answer.usage)
    report_usage = turn.fault_kind != "no-usage"
    if call.stream:
        delivery.error_event = responses.error_event("overloaded_error", "Overloaded")
        frames = responses.message_frames(call, answer, report_usage=report_usage)
        return await stream(answer, delivery, turn.record, frames, responses.usage_object)
    body = responses.message_object(call, answer, report_usage=report_usage)
    await delivery.send_body(orjson.dumps(body), after_s=visible_s(call, answer, delivery))
    return delivery.outcome


async def count_tokens(turn: Turn) -> Outcome:
    """`POST /v1/messages/count_tokens`; costs nothing."""
    call = requests.parse_messages(requests.read_object(turn.exchange.body), needs_limit=False)
    _require_model(call.model, any_model=turn.options.any_model)
    delivery = turn.deliver(Pace())
    await delivery.send_body(orjson.dumps({"input_tokens": len(call.prompt)}), after_s=0)
    return delivery.outcome


async def models(turn: Turn) -> Outcome:
    """`GET /v1/models` (one page) and `GET /v1/models/{id}`."""
    name = unquote(turn.exchange.path.removeprefix(MODELS_PATH).removeprefix(b"/").decode("latin-1"))
    if name:
        body = responses.model_object(_require_model(name, any_model=turn.options.any_model))
    else:
        found = [responses.model_object(model) for model in CATALOG.values() if model.vendor == "anthropic"]
        body = {"data": found, "has_more": False, "first_id": found[0]["id"], "last_id": found[-1]["id"]}
    delivery = turn.deliver(Pace())
    await delivery.send_body(orjson.dumps(body), after_s=0)
    return delivery.outcome


def _require_model(name: str, *, any_model: bool) -> SimModel:
    model = find_model(name, any_model=any_model)
    if model is None or model.kind != "chat":
        raise ProviderError(404, f"model: {name}")
    return model
