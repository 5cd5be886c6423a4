"""Vertex AI's tuning jobs, with the two services they need: Cloud Storage for files and Google's token endpoint.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/tuning, the client library `google-genai`
3.6.1 (`TuningJob` and what it holds), https://cloud.google.com/storage/docs/json_api/v1/objects/insert and
https://developers.google.com/identity/protocols/oauth2/service-account. Counts are texts, as in every Google API.
"""

import re
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from gateway.simulator.calls import ProviderError
from gateway.simulator.latency import Pace
from gateway.simulator.options import phase_ms
from gateway.simulator.request_log import Outcome
from gateway.simulator.server import Exchange
from gateway.simulator.tuning import PHASES, TRAINING, Run, begin
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import gemini
from gateway.simulator.wire import openai_requests as requests
from gateway.simulator.wire.gemini import (
    base_headers,
    error_body,
    error_headers,
    failure,
    limit_headers,
    timing_headers,
)
from gateway.simulator.wire.together import time_of

__all__ = [
    "authenticate",
    "base_headers",
    "describe",
    "error_body",
    "error_headers",
    "failure",
    "find_endpoint",
    "limit_headers",
    "timing_headers",
]
JOBS_PATH = re.compile(r"^/v1/(projects/[^/]+/locations/[^/]+)/tuningJobs(?:/([^/:]+))?(?::(\w+))?$")
UPLOAD_PATH = re.compile(r"^/upload/storage/v1/b/([^/]+)/o$")
TOKEN_PATH = b"/token"
TOKEN = "ya29.simulated"  # noqa: S105  (opens nothing)
STATES = {
    "validating": "JOB_STATE_QUEUED", "queued": "JOB_STATE_PENDING", "odd": "JOB_STATE_MIGRATING",
    "running": "JOB_STATE_RUNNING", "paused": "JOB_STATE_PAUSED", "succeeded": "JOB_STATE_SUCCEEDED",
    "failed": "JOB_STATE_FAILED", "cancelled": "JOB_STATE_CANCELLED",
}  # fmt: skip


def owns(path: bytes) -> bool:
    return path.startswith((b"/v1/projects/", b"/upload/storage/")) or path == TOKEN_PATH


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint for `method path`."""
    text = path.decode("latin-1")
    if method == b"POST" and path == TOKEN_PATH:
        return _token
    if method == b"POST" and UPLOAD_PATH.match(text):
        return _upload
    return _jobs if JOBS_PATH.match(text) else None


def describe(exchange: Exchange, payload: Any) -> tuple[str | None, bool]:
    """The base model."""
    model = payload.get("baseModel") if isinstance(payload, dict) else None
    return model if isinstance(model, str) else None, False


def authenticate(exchange: Exchange) -> str:
    """As Gemini; the token endpoint asks for nothing but a signed assertion."""
    return "" if exchange.path == TOKEN_PATH else gemini.authenticate(exchange)


async def _send(turn: Turn, body: Any) -> Outcome:
    delivery = turn.deliver(Pace())
    await delivery.send_body(orjson.dumps(body), after_s=0)
    return delivery.outcome


async def _token(turn: Turn) -> Outcome:
    """A token for a signed assertion; its signature is not checked."""
    form = parse_qs(turn.exchange.body.decode("latin-1"))
    if form.get("assertion", [""])[-1].count(".") != 2:
        raise ProviderError(400, "Invalid JWT: an assertion has three parts.")
    return await _send(turn, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})


async def _upload(turn: Turn) -> Outcome:
    """`uploadType=media`: the body is the object."""
    found = UPLOAD_PATH.match(turn.exchange.path.decode("latin-1"))
    query = parse_qs(turn.exchange.query.decode("latin-1"))
    name = unquote(query.get("name", [""])[-1])
    if found is None or query.get("uploadType") != ["media"] or not name:
        raise ProviderError(400, "Required parameter: name")
    uri = f"gs://{found[1]}/{name}"
    turn.storage.datasets[uri] = (turn.key, {"name": name}, turn.exchange.body)
    return await _send(turn, {"kind": "storage#object", "bucket": found[1], "name": name,
                              "size": str(len(turn.exchange.body))})  # fmt: skip


async def _jobs(turn: Turn) -> Outcome:
    found = JOBS_PATH.match(turn.exchange.path.decode("latin-1"))
    assert found is not None
    parent, name, verb = found.groups()
    match turn.exchange.method, name, verb:
        case b"POST", None, None:
            return await _send(turn, _create(turn, parent))
        case b"GET", None, None:
            mine = [_shown(run) for owner, run in turn.storage.runs.values() if owner == turn.key]
            return await _send(turn, {"tuningJobs": _filtered(turn, mine)})
    owner, run = turn.storage.runs.get(f"{parent}/tuningJobs/{name}", ("", None))
    if run is None or owner != turn.key:
        raise ProviderError(404, f"Resource {parent}/tuningJobs/{name} is not found.")
    match turn.exchange.method, verb:
        case b"GET", None:
            run.look()
            return await _send(turn, _shown(run))
        case b"POST", "cancel":
            if not run.cancel():
                raise ProviderError(400, "The job is over and cannot be cancelled.")
            return await _send(turn, {})
    raise ProviderError(404, "Requested entity was not found.")


def _filtered(turn: Turn, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`filter=labels.name="value"`."""
    wanted = parse_qs(turn.exchange.query.decode("latin-1")).get("filter", [""])[-1]
    match = re.fullmatch(r'labels\.([\w-]+)="?([\w-]+)"?', wanted)
    return jobs if match is None else [job for job in jobs if (job.get("labels") or {}).get(match[1]) == match[2]]


def _create(turn: Turn, parent: str) -> dict[str, Any]:
    payload = requests.read_object(turn.exchange.body)
    spec = payload.get("supervisedTuningSpec") or payload.get("preferenceOptimizationSpec") or {}
    owner, _, content = turn.storage.datasets.get(str(spec.get("trainingDatasetUri")), ("", {}, b""))
    if owner != turn.key:
        raise ProviderError(400, f"The dataset {spec.get('trainingDatasetUri')} does not exist.")
    wished = spec.get("hyperParameters") or {}
    epochs = wished.get("epochCount")
    run = begin(
        number=turn.number, base=str(payload.get("baseModel")), suffix=str(payload.get("tunedModelDisplayName") or ""),
        content=content, has_validation=bool(spec.get("validationDatasetUri")),
        epochs=int(epochs) if epochs else None, batch=None, phase_ms=phase_ms(turn.options), asked=payload,
    )  # fmt: skip
    run.id = f"{parent}/tuningJobs/{turn.number % 10**19}"
    turn.storage.runs[run.id] = (turn.key, run)
    return _shown(run)


def _shown(run: Run) -> dict[str, Any]:
    state = run.state
    parent = run.id.partition("/tuningJobs/")[0]
    shown = {
        **run.asked, "name": run.id, "state": STATES[state], "createTime": time_of(run.created),
        "updateTime": time_of(run.looked),
    }  # fmt: skip
    if run.position >= TRAINING:
        shown["startTime"] = time_of(run.at(TRAINING))
        stats = {"tuningDatasetExampleCount": str(run.examples), "totalBillableTokenCount": str(run.tokens),
                 "tuningStepCount": str(run.steps)}  # fmt: skip
        kind = "preferenceOptimizationDataStats" if "preferenceOptimizationSpec" in run.asked else None
        shown["tuningDataStats"] = {kind or "supervisedTuningDataStats": stats}
    if run.is_over:
        shown["endTime"] = time_of(run.at(PHASES))
    if state == "succeeded":
        endpoint = f"{parent}/endpoints/{run.number % 10**15}"
        shown["tunedModel"] = {
            "model": f"{parent}/models/{run.number % 10**15}@1", "endpoint": endpoint,
            "checkpoints": [
                {"checkpointId": str(step // run.per_epoch), "epoch": str(step // run.per_epoch), "step": str(step),
                 "endpoint": endpoint if step == run.steps else f"{endpoint}{step}"}
                for step in reversed(run.checkpoints())
            ],
        }  # fmt: skip
    if state == "failed":
        shown["error"] = {"code": 3 if run.fault else 13, "message": run.fault or "Internal error."}
    return shown
