"""Google's Gemini API: generate, stream, embed, count tokens, models.

Source: https://ai.google.dev/api/generate-content, …/api/embeddings, …/api/tokens, …/api/models and
https://ai.google.dev/gemini-api/docs/troubleshooting (errors, in the shape of google.rpc.Status).
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from gateway.simulator.calls import ProviderError, Usage
from gateway.simulator.catalog import CATALOG, Kind, SimModel, find_model
from gateway.simulator.embeddings import embed
from gateway.simulator.latency import Pace
from gateway.simulator.limits import Level
from gateway.simulator.request_log import Outcome
from gateway.simulator.server import Exchange, Header
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import gemini_requests as requests
from gateway.simulator.wire import gemini_responses as responses
from gateway.simulator.wire.talking import answer_call, stream, visible_s

_MODELS_PATH = re.compile(rb"^/v1(?:beta)?/models/?")

_ERRORS: dict[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "The simulated provider was asked to refuse this request."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}


def owns(exchange: Exchange) -> bool:
    """Both versions of the API; in `v1` OpenAI has the same path for models, so the key's header decides."""
    path = exchange.path
    if path.startswith(b"/v1beta/"):
        return True
    is_call = exchange.method == b"POST" and b":" in path
    return path.startswith(b"/v1/models") and (is_call or b"x-goog-api-key" in exchange.headers)


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint that serves `method path`; a method of a model stands behind a colon."""
    if not _MODELS_PATH.match(path):
        return None
    if method == b"GET":
        return models
    _, _, verb = path.rpartition(b":")
    return {
        b"generateContent": generate,
        b"streamGenerateContent": generate,
        b"countTokens": count_tokens,
        b"embedContent": embed_content,
        b"batchEmbedContents": embed_contents,
    }.get(verb)


def describe(exchange: Exchange, payload: Any) -> tuple[str | None, bool]:
    """The path names the model, and whether to stream."""
    return _model_name(exchange.path) or None, exchange.path.endswith(b":streamGenerateContent")


def _model_name(path: bytes) -> str:
    name = _MODELS_PATH.sub(b"", path)
    return unquote(name.partition(b":")[0].decode("latin-1"))


def authenticate(exchange: Exchange) -> str:
    """The `x-goog-api-key` header, the `key` parameter, or a bearer token. A bad key is a 400, a missing one a 403."""
    headers = exchange.headers
    key = headers.get(b"x-goog-api-key", b"").decode("latin-1")
    key = key or headers.get(b"authorization", b"").removeprefix(b"Bearer ").decode("latin-1").strip()
    key = key or parse_qs(exchange.query.decode("latin-1")).get("key", [""])[-1]
    if not key:
        message = "Method doesn't allow unregistered callers (callers without established identity)."
        raise ProviderError(403, message)
    if key == "sk-invalid":
        raise ProviderError(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")
    return key


def failure(status: int, retry_after_s: int) -> ProviderError:
    """A failure in Google's words; a quota failure says when to come back in its details."""
    _, message = _ERRORS.get(status, ("UNKNOWN", "The simulated provider failed."))
    headers = [(b"retry-after", b"%d" % retry_after_s)] if status in (429, 503) else []
    return ProviderError(status, message, headers=headers)


def error_body(error: ProviderError, number: int) -> bytes:
    """google.rpc.Status in JSON."""
    status = _ERRORS.get(error.status, ("INVALID_ARGUMENT" if error.status < 500 else "UNKNOWN", ""))[0]
    body: dict[str, Any] = {"code": error.status, "message": error.message, "status": status}
    if error.code == "API_KEY_INVALID":
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.code, "domain": "googleapis.com"}
        body["details"] = [info]
    retry = next((value for name, value in error.headers if name == b"retry-after"), None)
    if error.status == 429 and retry is not None:
        body["details"] = [
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry.decode('latin-1')}s"}
        ]
    return orjson.dumps({"error": body})


def error_headers(error: ProviderError) -> list[Header]:
    """None."""
    return []


def base_headers(number: int) -> list[Header]:
    """None that matters."""
    return []


def limit_headers(levels: Iterable[Level]) -> list[Header]:
    """None; Google tells limits in its console alone."""
    return []


def timing_headers(elapsed_ms: float) -> list[Header]:
    """`server-timing`, as Google's front end sends it."""
    return [(b"server-timing", b"gfet4t7; dur=%d" % elapsed_ms)]


async def generate(turn: Turn) -> Outcome:
    """`POST …/models/{model}:generateContent` and `:streamGenerateContent` (as events, or as one JSON array)."""
    name, is_stream = describe(turn.exchange, None)
    call = requests.parse_generate(requests.read_object(turn.exchange.body), name or "")
    call.stream = is_stream
    model = _require_model(call.model, "chat", turn)
    if len(call.prompt) > model.context_tokens:
        message = (
            f"The input token count ({len(call.prompt)}) exceeds the maximum number of tokens allowed "
            f"({model.context_tokens})."
        )
        raise ProviderError(400, message)
    answer, delivery = answer_call(turn, model, call)
    turn.record.usage = responses.usage_object(answer.usage)
    report_usage = turn.fault_kind != "no-usage"
    if turn.fault_kind == "prompt-blocked":
        turn.record.usage = responses.usage_object(Usage(answer.usage.prompt))
        body = responses.blocked_object(call, answer)
        await delivery.send_body(orjson.dumps(body), after_s=delivery.pace.first_s)
        return delivery.outcome
    if is_stream and parse_qs(turn.exchange.query.decode("latin-1")).get("alt") == ["sse"]:
        delivery.error_event = responses.error_event(503, *_ERRORS[503])
        frames = responses.generate_frames(call, answer, report_usage=report_usage)
        return await stream(answer, delivery, turn.record, frames, responses.usage_object)
    whole = responses.generate_object(call, answer, report_usage=report_usage)
    await delivery.send_body(orjson.dumps([whole] if is_stream else whole), after_s=visible_s(call, answer, delivery))
    return delivery.outcome


async def count_tokens(turn: Turn) -> Outcome:
    """`POST …/models/{model}:countTokens`; costs nothing."""
    name, _ = describe(turn.exchange, None)
    payload = requests.read_object(turn.exchange.body)
    inner = payload.get("generateContentRequest")
    call = requests.parse_generate(inner if isinstance(inner, dict) else payload, name or "")
    _require_model(call.model, "chat", turn)
    return await _send(turn, {"totalTokens": len(call.prompt)}, Pace())


async def embed_content(turn: Turn) -> Outcome:
    """`POST …/models/{model}:embedContent`."""
    name, _ = describe(turn.exchange, None)
    model = _require_model(name or "", "embedding", turn)
    values, tokens = _vector(turn, requests.read_object(turn.exchange.body), model)
    return await _send_vectors(turn, model, {"embedding": {"values": values}}, tokens)


async def embed_contents(turn: Turn) -> Outcome:
    """`POST …/models/{model}:batchEmbedContents`."""
    name, _ = describe(turn.exchange, None)
    model = _require_model(name or "", "embedding", turn)
    asked = requests.read_object(turn.exchange.body).get("requests")
    if not isinstance(asked, list) or not asked or not all(isinstance(item, dict) for item in asked):
        raise ProviderError(400, "* BatchEmbedContentsRequest.requests: at least one request is required")
    vectors = [_vector(turn, item, model) for item in asked]
    body = {"embeddings": [{"values": values} for values, _ in vectors]}
    return await _send_vectors(turn, model, body, sum(tokens for _, tokens in vectors))


async def _send_vectors(turn: Turn, model: SimModel, body: dict[str, Any], tokens: int) -> Outcome:
    turn.admit(tokens)
    turn.record.usage = {"promptTokenCount": tokens}
    if turn.fault_kind != "no-usage":
        body["usageMetadata"] = {"promptTokenCount": tokens}
    return await _send(turn, body, turn.draw_pace(model, Usage(tokens)))


def _vector(turn: Turn, payload: dict[str, Any], model: SimModel) -> tuple[list[float], int]:
    words = requests.embedding_words(payload)
    width = payload.get("outputDimensionality")
    if width is not None and (type(width) is not int or not 1 <= width <= model.dimensions):
        raise ProviderError(400, f"* EmbedContentRequest.output_dimensionality: must be in [1, {model.dimensions}]")
    values = embed(words, seed=turn.options.seed, width=model.dimensions, dimensions=width)
    return values.tolist(), len(words)


async def models(turn: Turn) -> Outcome:
    """`GET /v1beta/models` (one page) and `GET /v1beta/models/{model}`."""
    name = _model_name(turn.exchange.path)
    if name:
        return await _send(turn, responses.model_object(_require_model(name, None, turn)), Pace())
    found = [responses.model_object(model) for model in CATALOG.values() if model.vendor == "google"]
    return await _send(turn, {"models": found}, Pace())


async def _send(turn: Turn, body: Any, pace: Pace) -> Outcome:
    delivery = turn.deliver(pace)
    await delivery.send_body(orjson.dumps(body), after_s=pace.first_s)
    return delivery.outcome


def _require_model(name: str, kind: Kind | None, turn: Turn) -> SimModel:
    model = find_model(name, any_model=turn.options.any_model)
    if model is None or (kind is not None and model.kind != kind):
        verb = turn.exchange.path.rpartition(b":")[2].decode("latin-1")
        message = (
            f"models/{name} is not found for API version v1beta, or is not supported for {verb}. Call ListModels to "
            "see the list of available models and their supported methods."
        )
        raise ProviderError(404, message)
    return model
