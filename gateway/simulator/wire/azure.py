"""Azure OpenAI: deployments in the path with `api-version`, and the v1 surface that needs none.

Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference (data-plane inference),
…/openai/api-version-lifecycle (v1) and …/openai/concepts/content-filter (filter results and refusals).
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.simulator.calls import Frame, ProviderError
from gateway.simulator.catalog import find_model
from gateway.simulator.limits import Level, openai_headers
from gateway.simulator.request_log import Outcome
from gateway.simulator.server import Exchange, Header
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import openai, openai_tuning
from gateway.simulator.wire import openai_requests as requests
from gateway.simulator.wire import openai_responses as responses
from gateway.simulator.wire.openai_media import MODEL_PREFIXES
from gateway.simulator.wire.openai_models import check_length, require_model
from gateway.simulator.wire.talking import answer_call, stream, visible_s

PREFIX = b"/openai/"
DEPLOYMENTS = b"/openai/deployments/"
V1 = b"/openai/v1/"
MODELS_PATH = b"/openai/models"
MANAGED = (b"/openai/files", b"/openai/fine_tuning/")
AZURE = openai_tuning.Flavour(is_azure=True)
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_BLOCKED = {**_SAFE, "violence": {"filtered": True, "severity": "high"}}
_NO_KEY = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
_FILTERED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
    "your prompt and retry. To learn more about our content filtering policies please read our documentation: "
    "https://go.microsoft.com/fwlink/?linkid=2198766"
)


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint that serves `method path`; `None` when this format has none."""
    if method == b"GET" and path == MODELS_PATH:
        return models
    inner = openai_path(path)
    if inner is None:
        return None
    if inner == openai.CHAT_PATH and method == b"POST":
        return chat
    endpoint = openai_tuning.find_endpoint(method, inner, AZURE) or openai.find_endpoint(method, inner)
    return None if endpoint is None else _with_deployment(endpoint)


def openai_path(path: bytes) -> bytes | None:
    """The path that OpenAI would have for the same thing."""
    if path.startswith(V1):
        return b"/v1/" + path.removeprefix(V1)
    if path.startswith(MANAGED):
        return b"/v1/" + path.removeprefix(PREFIX)
    _, separator, operation = path.removeprefix(DEPLOYMENTS).partition(b"/")
    return b"/v1/" + operation if path.startswith(DEPLOYMENTS) and separator else None


def deployment_of(path: bytes) -> str:
    """The deployment in the path; "" on the v1 surface, where the body's model names it."""
    if not path.startswith(DEPLOYMENTS):
        return ""
    return unquote(path.removeprefix(DEPLOYMENTS).partition(b"/")[0].decode("latin-1"))


def describe(exchange: Exchange, payload: Any) -> tuple[str | None, bool]:
    """The deployment, else the body's model; the body's `stream`."""
    model, is_stream = openai.describe(exchange, payload)
    return deployment_of(exchange.path) or model, is_stream


def authenticate(exchange: Exchange) -> str:
    """The `api-key` header, or a bearer token of Entra ID. Raises 401; 404 without `api-version` where it is needed."""
    headers = exchange.headers
    key = headers.get(b"api-key") or headers.get(b"authorization", b"").removeprefix(b"Bearer ").strip()
    if not key or key == b"sk-invalid":
        raise ProviderError(401, _NO_KEY, code="401")
    if not exchange.path.startswith(V1) and b"api-version" not in exchange.query:
        raise ProviderError(404, "Resource not found", code="404")
    return key.decode("latin-1")


def failure(status: int, retry_after_s: int) -> ProviderError:
    """A failure in Azure's words."""
    error = openai.failure(status, retry_after_s)
    message = error.message
    if status == 429:
        message = (
            "Requests to the ChatCompletions_Create Operation have exceeded call rate limit of your current OpenAI S0 "
            f"pricing tier. Please retry after {retry_after_s} seconds."
        )
    return ProviderError(status, message, code=error.code or str(status), headers=error.headers)


def error_body(error: ProviderError, number: int) -> bytes:
    """Code and message; for a refused prompt also what the filter found."""
    if error.code == "content_filter":
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": _BLOCKED}
        body: dict[str, Any] = {
            "message": error.message,
            "type": None,
            "param": "prompt",
            "code": error.code,
            "status": error.status,
            "innererror": inner,
        }
        return orjson.dumps({"error": body})
    if error.status in (400, 403):
        return openai.error_body(error, number)
    return orjson.dumps({"error": {"code": error.code or str(error.status), "message": error.message}})


def error_headers(error: ProviderError) -> list[Header]:
    """None."""
    return []


def base_headers(number: int) -> list[Header]:
    """The gateway's and the model's request ids."""
    digits = f"{number:016x}"
    request_id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:]}-8000-{digits[:12]}".encode()
    return [(b"apim-request-id", request_id), (b"x-request-id", request_id), (b"x-ms-region", b"Simulated")]


def limit_headers(levels: Iterable[Level]) -> list[Header]:
    """As OpenAI sends them."""
    return openai_headers(levels)


def timing_headers(elapsed_ms: float) -> list[Header]:
    """None."""
    return []


def _with_deployment(endpoint: Endpoint) -> Endpoint:
    """The endpoint for a request whose deployment stands for the model."""

    async def serve(turn: Turn) -> Outcome:
        _name_model(turn)
        turn.exchange.path = openai_path(turn.exchange.path) or turn.exchange.path
        return await endpoint(turn)

    return serve


def _name_model(turn: Turn) -> None:
    """Write the deployment into the body as its model, and refuse what does not exist."""
    deployment = turn.deployment = deployment_of(turn.exchange.path)
    if not deployment:
        return
    is_media = deployment.startswith(MODEL_PREFIXES)
    if not is_media:
        _check_deployed(turn, deployment)
    if turn.exchange.headers.get(b"content-type", b"").startswith(b"multipart/"):
        return
    turn.exchange.body = orjson.dumps({**requests.read_object(turn.exchange.body), "model": deployment})


def _check_deployed(turn: Turn, name: str) -> None:
    """A model of the catalogue is deployed under its own name; a tuned model answers by its deployment alone."""
    if is_deployed(turn, name):
        return
    is_tuned = name in turn.storage.tuned
    if is_tuned or name in turn.storage.deployments or find_model(name, any_model=turn.options.any_model) is None:
        message = (
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 "
            "minutes, please wait a moment and try again."
        )
        raise ProviderError(404, message, code="DeploymentNotFound")


def is_deployed(turn: Turn, name: str) -> bool:
    found = turn.storage.deployments.get(name)
    return found is not None and found.state == "Succeeded"


async def chat(turn: Turn) -> Outcome:
    """Chat completions with Azure's filter results; they stream in a first chunk without choices."""
    _name_model(turn)
    call = requests.parse_chat(requests.read_object(turn.exchange.body))
    if call.model in turn.storage.tuned or call.model in turn.storage.deployments:
        _check_deployed(turn, call.model)
    model = require_model(call.model, "chat", any_model=turn.options.any_model or is_deployed(turn, call.model))
    check_length(model, len(call.prompt), "messages")
    if turn.fault_kind == "prompt-blocked":
        raise ProviderError(400, _FILTERED, code="content_filter")
    answer, delivery = answer_call(turn, model, call)
    turn.record.usage = responses.usage_object(answer.usage)
    if call.stream:
        usage_fault = "no-usage" if turn.fault_kind == "no-usage" else None
        frames = _with_filter(responses.chat_frames(call, answer, usage_fault=usage_fault))
        return await stream(answer, delivery, turn.record, frames, responses.usage_object)
    body = responses.chat_object(call, answer, report_usage=turn.fault_kind != "no-usage")
    body["prompt_filter_results"] = _prompt_results()
    for choice in body["choices"]:
        choice["content_filter_results"] = _BLOCKED if choice["finish_reason"] == "content_filter" else _SAFE
    await delivery.send_body(orjson.dumps(body), after_s=visible_s(call, answer, delivery))
    return delivery.outcome


def _prompt_results() -> list[dict[str, Any]]:
    return [
        {"prompt_index": 0, "content_filter_results": {**_SAFE, "jailbreak": {"filtered": False, "detected": False}}}
    ]


def _with_filter(frames: Iterator[Frame]) -> Iterator[Frame]:
    head = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    yield Frame(orjson.dumps({**head, "prompt_filter_results": _prompt_results()}))
    yield from frames


async def models(turn: Turn) -> Outcome:
    """`GET /openai/models?api-version=…`: base models, not deployments."""
    return await openai.list_models(turn)
