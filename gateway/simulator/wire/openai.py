"""OpenAI's endpoints: chat completions, embeddings, models."""

import time
from urllib.parse import unquote

import orjson

from gateway.simulator.answers import make_answer
from gateway.simulator.calls import Answer, ChatCall, ProviderError, Usage
from gateway.simulator.catalog import CATALOG, Kind, SimModel, find_model
from gateway.simulator.delivery import Delivery
from gateway.simulator.embeddings import embed
from gateway.simulator.faults import USAGE_FAULTS
from gateway.simulator.latency import Pace, parse_paced
from gateway.simulator.request_log import Outcome, Record
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import openai_requests as requests
from gateway.simulator.wire import openai_responses as responses

CHAT_PATH = b"/v1/chat/completions"
EMBEDDINGS_PATH = b"/v1/embeddings"
MODELS_PATH = b"/v1/models"


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint that serves `method path`; `None` when this format has none."""
    if method == b"POST":
        return {CHAT_PATH: chat, EMBEDDINGS_PATH: embeddings}.get(path)
    if method == b"GET" and (path == MODELS_PATH or path.startswith(MODELS_PATH + b"/")):
        return models
    return None


def error_body(error: ProviderError) -> bytes:
    """A refusal as this format writes it."""
    return orjson.dumps(responses.error_object(error))


async def chat(turn: Turn) -> Outcome:
    """`POST /v1/chat/completions`, streamed or whole."""
    call = requests.parse_chat(requests.read_object(turn.exchange.body))
    model = require_model(call.model, "chat", any_model=turn.options.any_model)
    _check_length(model, len(call.prompt), "messages")
    turn.admit(len(call.prompt) + (call.max_tokens or 0))
    cached = turn.cache.lookup_and_store(f"{turn.key}\x00{call.model}", call.prompt)
    paced = parse_paced(turn.paced_by or call.model)
    answer = make_answer(
        model,
        call,
        seed=turn.options.seed,
        cached=cached,
        id_token=f"{turn.number:024x}",
        created=int(time.time()),
        exact_tokens=paced[0] if paced else None,
        accented=turn.fault_kind == "split-utf8",
    )
    delivery = turn.deliver(paced[1] if paced else turn.draw_pace(model, answer.usage))
    turn.record.usage = responses.usage_object(answer.usage)  # a vendor finishes, and bills, what nobody waits for
    if call.stream:
        return await _stream(call, answer, delivery, turn.record)
    body = responses.chat_object(call, answer, report_usage=turn.fault_kind != "no-usage")
    visible = answer.usage.completion - answer.usage.reasoning
    await delivery.send_body(orjson.dumps(body), after_s=delivery.pace.total_s(visible // call.n))
    return delivery.outcome


async def _stream(call: ChatCall, answer: Answer, delivery: Delivery, record: Record) -> Outcome:
    """Stream an answer; the record's usage follows what was really sent when it breaks off."""
    kind = delivery.fault.kind if delivery.fault else ""
    usage_fault = kind if kind in USAGE_FAULTS else None
    frames = responses.chat_frames(call, answer, usage_fault=usage_fault, merge_role=delivery.pace.stamped)
    try:
        await delivery.send_events(frames)
    finally:
        if delivery.outcome != "completed":
            usage = answer.usage
            sent = Usage(usage.prompt, usage.reasoning + delivery.tokens_sent, usage.cached, usage.reasoning)
            record.usage = responses.usage_object(sent)
    return delivery.outcome


async def embeddings(turn: Turn) -> Outcome:
    """`POST /v1/embeddings`."""
    call = requests.parse_embedding(requests.read_object(turn.exchange.body))
    model = require_model(call.model, "embedding", any_model=turn.options.any_model)
    _check_length(model, max(len(words) for words in call.inputs), "input")
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
    if name:
        body = responses.model_object(require_model(name, None, any_model=turn.options.any_model))
    else:
        body = {"object": "list", "data": [responses.model_object(model) for model in CATALOG.values()]}
    delivery = turn.deliver(Pace())
    await delivery.send_body(orjson.dumps(body), after_s=0)
    return delivery.outcome


def require_model(name: str, kind: Kind | None, *, any_model: bool) -> SimModel:
    """The model, of `kind` unless that is `None`. Raises `ProviderError` in the vendor's words."""
    model = find_model(name, any_model=any_model)
    if model is None:
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise ProviderError(404, message, param="model" if kind is None else None, code="model_not_found")
    if kind == "chat" != model.kind:
        message = "This is not a chat model and thus not supported in the v1/chat/completions endpoint."
        raise ProviderError(404, message, param="model")
    if kind == "embedding" != model.kind:
        raise ProviderError(403, f"You are not allowed to generate embeddings from this model: {name}.")
    return model


def _check_length(model: SimModel, tokens: int, param: str) -> None:
    if tokens > model.context_tokens:
        message = (
            f"This model's maximum context length is {model.context_tokens} tokens. However, your {param} resulted in "
            f"{tokens} tokens. Please reduce the length of the {param}."
        )
        raise ProviderError(400, message, param=param, code="context_length_exceeded")
