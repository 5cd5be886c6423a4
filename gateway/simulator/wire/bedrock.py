"""Amazon Bedrock: Converse, ConverseStream, and the control plane's list of models on the same port.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, …/API_runtime_ConverseStream
and …/API_ListFoundationModels; the service model of botocore (`bedrock-runtime/2023-09-30`).
"""

from collections.abc import Iterable
from dataclasses import replace
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
from gateway.simulator.wire import bedrock_requests as requests
from gateway.simulator.wire import bedrock_responses as responses
from gateway.simulator.wire.eventstream import AWS_EVENTS
from gateway.simulator.wire.sigv4 import check_signature
from gateway.simulator.wire.talking import answer_call, stream, visible_s

PREFIX = b"/model/"
MODELS_PATH = b"/foundation-models"
_WHOLE, _STREAM = b"/converse", b"/converse-stream"

MODELS: dict[str, SimModel] = {
    model.name: model
    for model in (
        replace(CATALOG["claude-haiku-4-5"], name="anthropic.claude-haiku-4-5-20251001-v1:0"),
        replace(CATALOG["claude-sonnet-4-5"], name="anthropic.claude-sonnet-4-5-20250929-v1:0"),
        SimModel("amazon.nova-lite-v1:0", "amazon", 300_000, 10_000, 260, 160, 180),
        SimModel("amazon.nova-pro-v1:0", "amazon", 300_000, 10_000, 380, 100, 200),
        SimModel("meta.llama3-3-70b-instruct-v1:0", "meta", 131_072, 8_192, 320, 110, 180),
    )
}
_GEOGRAPHIES = ("us.", "eu.", "apac.", "jp.", "au.", "global.")

_ERRORS: dict[int, tuple[str, str]] = {
    400: ("ValidationException", "The simulated provider was asked to refuse this request."),
    403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "Could not resolve the foundation model from the provided model identifier."),
    408: ("ModelTimeoutException", "The request took too long to process. Processing time exceeded the model timeout."),
    424: ("ModelErrorException", "The request failed due to an error while processing the model."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "An internal server error occurred. Retry your request."),
    503: ("ServiceUnavailableException", "The service isn't currently available. Try again later."),
}


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint that serves `method path`; `None` when this format has none."""
    if method == b"GET" and path == MODELS_PATH:
        return models
    if method == b"POST" and path.startswith(PREFIX) and path.endswith((_WHOLE, _STREAM)):
        return converse
    return None


def describe(exchange: Exchange, payload: Any) -> tuple[str | None, bool]:
    """The path names the model, and whether to stream."""
    if not exchange.path.startswith(PREFIX):
        return None, False
    name, _, verb = exchange.path.removeprefix(PREFIX).rpartition(b"/")
    return unquote(name.decode("latin-1")) or None, verb == _STREAM[1:]


def authenticate(exchange: Exchange) -> str:
    """A signed request (see `sigv4`), or a Bedrock API key as bearer. Raises 403 `ProviderError`."""
    text = exchange.headers.get(b"authorization", b"").decode("latin-1")
    if not text:
        raise ProviderError(403, "Missing Authentication Token", code="MissingAuthenticationTokenException")
    if text.startswith("Bearer "):
        key = text.removeprefix("Bearer ").strip()
        if key == "sk-invalid":
            message = "Authentication failed: Please make sure your API Key is valid."
            raise ProviderError(403, message, code="AccessDeniedException")
        return key
    return check_signature(exchange)


def failure(status: int, retry_after_s: int) -> ProviderError:
    """A failure in Amazon's words; Bedrock sends no `Retry-After`."""
    return ProviderError(status, _ERRORS.get(status, ("", "The simulated provider failed."))[1])


def error_body(error: ProviderError, number: int) -> bytes:
    """`{"message": …}`; the exception's name stands in a header, see `error_headers`."""
    return orjson.dumps({"message": error.message})


def exception_name(error: ProviderError) -> str:
    """What the `x-amzn-ErrorType` header says."""
    default = "ValidationException" if error.status < 500 else "InternalServerException"
    return error.code or _ERRORS.get(error.status, (default, ""))[0]


def error_headers(error: ProviderError) -> list[Header]:
    """`x-amzn-ErrorType`, by which clients choose the exception."""
    return [(b"x-amzn-errortype", exception_name(error).encode())]


def base_headers(number: int) -> list[Header]:
    """`x-amzn-RequestId`, a UUID."""
    digits = f"{number:016x}"
    return [(b"x-amzn-requestid", f"{digits[:8]}-{digits[8:12]}-4{digits[13:]}-8000-{digits[:12]}".encode())]


def limit_headers(levels: Iterable[Level]) -> list[Header]:
    """None."""
    return []


def timing_headers(elapsed_ms: float) -> list[Header]:
    """None; answers carry `metrics.latencyMs`."""
    return []


async def converse(turn: Turn) -> Outcome:
    """`POST /model/{id}/converse` and `/converse-stream`."""
    name, is_stream = describe(turn.exchange, None)
    model = _require_model(name or "", turn)
    call = requests.parse_converse(requests.read_object(turn.exchange.body), name or "")
    if len(call.prompt) > model.context_tokens:
        raise ProviderError(400, "Input is too long for requested model.")
    answer, delivery = answer_call(turn, model, call)
    turn.record.usage = responses.usage_object(answer.usage)
    latency_ms = round(visible_s(call, answer, delivery) * 1000)
    report_usage = turn.fault_kind != "no-usage"
    if is_stream:
        delivery.framing = AWS_EVENTS
        delivery.error_event = responses.error_event("modelStreamErrorException", _ERRORS[424][1])
        frames = responses.converse_frames(call, answer, latency_ms=latency_ms, report_usage=report_usage)
        return await stream(answer, delivery, turn.record, frames, responses.usage_object)
    body = responses.converse_object(call, answer, latency_ms=latency_ms, report_usage=report_usage)
    await delivery.send_body(orjson.dumps(body), after_s=visible_s(call, answer, delivery))
    return delivery.outcome


async def models(turn: Turn) -> Outcome:
    """`GET /foundation-models`, which the service answers on its control plane's host."""
    delivery = turn.deliver(Pace())
    body = {"modelSummaries": [responses.model_object(model) for model in MODELS.values()]}
    await delivery.send_body(orjson.dumps(body), after_s=0)
    return delivery.outcome


def _require_model(name: str, turn: Turn) -> SimModel:
    """A model, by its id or by a cross-region inference profile (`us.…`)."""
    base = next((name.removeprefix(prefix) for prefix in _GEOGRAPHIES if name.startswith(prefix)), name)
    model = MODELS.get(base) or find_model(name, any_model=turn.options.any_model)
    if model is None or (model.name not in MODELS and not turn.options.any_model and not name.startswith("sim-")):
        raise ProviderError(400, "The provided model identifier is invalid.")
    return model
