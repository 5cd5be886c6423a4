"""OpenAI's endpoints: chat completions, embeddings and models; the others are named here and live in modules beside."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.simulator.calls import ProviderError, Usage
from gateway.simulator.catalog import CATALOG
from gateway.simulator.embeddings import embed
from gateway.simulator.faults import USAGE_FAULTS
from gateway.simulator.latency import Pace
from gateway.simulator.limits import Level, openai_headers
from gateway.simulator.request_log import Outcome
from gateway.simulator.server import Exchange, Header
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import (
    fireworks,
    openai_files,
    openai_items,
    openai_legacy,
    openai_media,
    openai_tuning,
    together,
)
from gateway.simulator.wire import openai_requests as requests
from gateway.simulator.wire import openai_responses as responses
from gateway.simulator.wire.openai_models import check_length, require_model
from gateway.simulator.wire.talking import answer_call, stream, visible_s

CHAT_PATH = b"/v1/chat/completions"
EMBEDDINGS_PATH = b"/v1/embeddings"
MODELS_PATH = b"/v1/models"
COMPLETIONS_PATH = b"/v1/completions"
RESPONSES_PATH = b"/v1/responses"
MODERATIONS_PATH = b"/v1/moderations"
IMAGES_PATH = b"/v1/images/generations"
IMAGE_EDITS_PATH = b"/v1/images/edits"
IMAGE_VARIATIONS_PATH = b"/v1/images/variations"
SPEECH_PATH = b"/v1/audio/speech"
TRANSCRIPTIONS_PATH = b"/v1/audio/transcriptions"
TRANSLATIONS_PATH = b"/v1/audio/translations"


_ERRORS: dict[int, tuple[str, str, str | None]] = {
    400: ("The simulated provider was asked to refuse this request.", "invalid_request_error", None),
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("You do not have access to this resource.", "invalid_request_error", "forbidden"),
    404: ("The requested resource does not exist.", "invalid_request_error", "not_found"),
    429: ("Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
    502: ("Bad gateway.", "server_error", None),
    503: ("The engine is currently overloaded, please try again later.", "server_error", None),
}
_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY)."
)


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint that serves `method path`; `None` when this format has none."""
    if method == b"POST":
        return {
            CHAT_PATH: chat,
            EMBEDDINGS_PATH: embeddings,
            COMPLETIONS_PATH: openai_legacy.completions,
            RESPONSES_PATH: openai_items.respond,
            MODERATIONS_PATH: openai_media.moderate,
            IMAGES_PATH: openai_media.draw,
            IMAGE_EDITS_PATH: openai_media.redraw,
            IMAGE_VARIATIONS_PATH: openai_media.redraw,
            SPEECH_PATH: openai_media.speak,
            TRANSCRIPTIONS_PATH: openai_media.transcribe,
            TRANSLATIONS_PATH: openai_media.transcribe,
        }.get(path) or _stored(method, path)
    if method == b"GET" and (path == MODELS_PATH or path.startswith(MODELS_PATH + b"/")):
        return models
    return _stored(method, path)


def _stored(method: bytes, path: bytes) -> Endpoint | None:
    """What is remembered between requests: files, batches, tuning runs."""
    return (
        openai_tuning.find_endpoint(method, path)
        or together.find_endpoint(method, path)
        or fireworks.find_endpoint(method, path)
        or openai_files.find_endpoint(method, path, find_endpoint)
    )


def describe(exchange: Exchange, payload: Any) -> tuple[str | None, bool]:
    """`model` and `stream` of the body."""
    fields = payload if isinstance(payload, dict) else {}
    model = fields.get("model")
    return model if isinstance(model, str) else None, fields.get("stream") is True


def authenticate(exchange: Exchange) -> str:
    """The bearer key; none for signed addresses. Raises a 401 `ProviderError` without one, and for `sk-invalid`."""
    if exchange.query.endswith(together.SIGNED.encode()):
        return ""
    scheme, _, key = exchange.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not key.strip():
        raise ProviderError(401, _NO_KEY)
    if key.strip() == b"sk-invalid":
        raise ProviderError(401, "Incorrect API key provided: sk-invalid.", code="invalid_api_key")
    return key.strip().decode("latin-1")


def failure(status: int, retry_after_s: int) -> ProviderError:
    """A failure in OpenAI's words."""
    message, kind, code = _ERRORS.get(status, ("The simulated provider failed.", "server_error", None))
    headers = [(b"retry-after", b"%d" % retry_after_s)] if status in (429, 503) else []
    return ProviderError(status, message, kind=kind, code=code, headers=headers)


def error_body(error: ProviderError, number: int) -> bytes:
    """A refusal as this format writes it."""
    return orjson.dumps(responses.error_object(error))


def error_headers(error: ProviderError) -> list[Header]:
    """None."""
    return []


def base_headers(number: int) -> list[Header]:
    """The request's id and the API's version (OpenAI API reference, "Debugging requests")."""
    return [(b"x-request-id", b"req_%016x" % number), (b"openai-version", b"2020-10-01")]


def limit_headers(levels: Iterable[Level]) -> list[Header]:
    """The `x-ratelimit-*` headers."""
    return openai_headers(levels)


def timing_headers(elapsed_ms: float) -> list[Header]:
    """`openai-processing-ms`."""
    return [(b"openai-processing-ms", b"%d" % elapsed_ms)]


async def chat(turn: Turn) -> Outcome:
    """`POST /v1/chat/completions`, streamed or whole."""
    call = requests.parse_chat(requests.read_object(turn.exchange.body))
    model = require_model(call.model, "chat", any_model=turn.options.any_model or call.model in turn.storage.tuned)
    check_length(model, len(call.prompt), "messages")
    answer, delivery = answer_call(turn, model, call)
    turn.record.usage = responses.usage_object(answer.usage)  # a vendor finishes, and bills, what nobody waits for
    if call.stream:
        usage_fault = turn.fault_kind if turn.fault_kind in USAGE_FAULTS else None
        frames = responses.chat_frames(call, answer, usage_fault=usage_fault, merge_role=delivery.pace.stamped)
        return await stream(answer, delivery, turn.record, frames, responses.usage_object)
    body = responses.chat_object(call, answer, report_usage=turn.fault_kind != "no-usage")
    await delivery.send_body(orjson.dumps(body), after_s=visible_s(call, answer, delivery))
    return delivery.outcome


async def embeddings(turn: Turn) -> Outcome:
    """`POST /v1/embeddings`."""
    call = requests.parse_embedding(requests.read_object(turn.exchange.body))
    model = require_model(call.model, "embedding", any_model=turn.options.any_model)
    check_length(model, max(len(words) for words in call.inputs), "input")
    if call.dimensions is not None and (call.dimensions > model.dimensions or model.name.endswith("ada-002")):
        message = f"Invalid value for 'dimensions': {call.dimensions}. The model has {model.dimensions}."
        raise ProviderError(400, message, param="dimensions")
    tokens = sum(len(words) for words in call.inputs)
    turn.admit(tokens)
    vectors = [
        embed(words, seed=turn.options.seed, width=model.dimensions, dimensions=call.dimensions)
        for words in call.inputs
    ]
    body = responses.embedding_object(call.model, vectors, base64_encoded=call.base64, tokens=tokens)
    turn.record.usage = body["usage"]
    if turn.fault_kind == "no-usage":
        del body["usage"]
    delivery = turn.deliver(turn.draw_pace(model, Usage(tokens)))
    await delivery.send_body(orjson.dumps(body), after_s=delivery.pace.first_s)
    return delivery.outcome


async def models(turn: Turn) -> Outcome:
    """`GET /v1/models` and `GET /v1/models/{id}`; an id may contain slashes."""
    name = unquote(turn.exchange.path.removeprefix(MODELS_PATH).removeprefix(b"/").decode("latin-1"))
    if not name:
        return await list_models(turn)
    body = responses.model_object(require_model(name, None, any_model=turn.options.any_model))
    return await _send_at_once(turn, body)


async def list_models(turn: Turn) -> Outcome:
    """Every model of the catalogue."""
    body = {"object": "list", "data": [responses.model_object(model) for model in CATALOG.values()]}
    return await _send_at_once(turn, body)


async def _send_at_once(turn: Turn, body: Any) -> Outcome:
    delivery = turn.deliver(Pace())
    await delivery.send_body(orjson.dumps(body), after_s=0)
    return delivery.outcome
