"""Fireworks' accounts, datasets, tuning jobs and deployments.

Source: the client library `fireworks-ai` 1.2.30 (`types/supervised_fine_tuning_job.py`, `types/dataset.py`,
`types/dpo_job.py`), https://docs.fireworks.ai/fine-tuning/fine-tuning-via-api and
https://docs.fireworks.ai/api-reference/create-deployment with its neighbours. Names are paths
(`accounts/acme/datasets/…`), the caller gives a job its id, and a verb stands behind a colon.
"""

import re
import time
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.simulator.calls import ProviderError
from gateway.simulator.latency import Pace
from gateway.simulator.multipart import read_form
from gateway.simulator.options import phase_ms
from gateway.simulator.request_log import Outcome
from gateway.simulator.storage import Deployment
from gateway.simulator.tuning import PHASES, TRAINING, Run, begin
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import openai_requests as requests
from gateway.simulator.wire.together import SIGNED, time_of

PREFIX = b"/v1/accounts"
ACCOUNT = "accounts/acme"
_PATH = re.compile(
    r"^/v1/(accounts/[^/]+)/(datasets|supervisedFineTuningJobs|dpoJobs|deployments)(?:/([^/:]+))?(?::(\w+))?$"
)
STATES = {
    "validating": "JOB_STATE_VALIDATING", "queued": "JOB_STATE_PENDING", "odd": "JOB_STATE_RESHARDING",
    "running": "JOB_STATE_RUNNING", "paused": "JOB_STATE_PAUSED", "succeeded": "JOB_STATE_COMPLETED",
    "failed": "JOB_STATE_FAILED", "cancelled": "JOB_STATE_CANCELLED",
}  # fmt: skip


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint for `method path`."""
    return _serve if path.startswith(PREFIX) else None


async def _serve(turn: Turn) -> Outcome:
    body = _answer(turn, turn.exchange.method.decode(), turn.exchange.path.decode("latin-1"))
    delivery = turn.deliver(Pace())
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    await delivery.send_body(data, after_s=0)
    return delivery.outcome


def _answer(turn: Turn, method: str, path: str) -> Any:
    if path == "/v1/accounts" and method == "GET":
        return {"accounts": [{"name": ACCOUNT, "state": "READY"}], "totalSize": 1}
    found = _PATH.match(path)
    if found is None or found[1] != ACCOUNT:
        raise _error(404, "NOT_FOUND", f"{path} not found")
    _, kind, name, verb = found.groups()
    if kind == "datasets":
        return _dataset(turn, method, name, verb)
    if kind == "deployments":
        return _deployment(turn, method, name)
    return _job(turn, method, kind, name, verb)


def _error(status: int, code: str, message: str) -> ProviderError:
    return ProviderError(status, message, code=code)


# ---- datasets --------------------------------------------------------------------------------------------------------
def _dataset(turn: Turn, method: str, name: str | None, verb: str | None) -> Any:
    if name is None and method == "POST":
        payload = requests.read_object(turn.exchange.body)
        identity = f"{ACCOUNT}/datasets/{payload.get('datasetId')}"
        if identity in turn.storage.datasets:
            raise _error(409, "ALREADY_EXISTS", f"dataset {identity} already exists")
        made = {**(payload.get("dataset") or {}), "name": identity, "state": "UPLOADING"}
        turn.storage.datasets[identity] = (turn.key, made, b"")
        return made
    identity = f"{ACCOUNT}/datasets/{name}"
    owner, made, content = turn.storage.datasets.get(identity, ("", {}, b""))
    if not made or owner != turn.key != "":
        raise _error(404, "NOT_FOUND", f"dataset {identity} not found")
    match method, verb:
        case "GET", None:
            return made
        case "POST", "upload":
            form = read_form(turn.exchange.headers.get(b"content-type", b""), turn.exchange.body)
            return _filled(turn, owner, made, form["file"].data)
        case "POST", "getUploadEndpoint":
            names = requests.read_object(turn.exchange.body).get("filenameToSize") or {}
            host = turn.exchange.headers.get(b"host", b"").decode("latin-1")
            return {"filenameToSignedUrls": dict.fromkeys(names, f"http://{host}/v1/{identity}:put?{SIGNED}")}
        case "PUT", "put":
            turn.storage.datasets[identity] = (owner, made, turn.exchange.body)
            return {}
        case "POST", "validateUpload":
            return _filled(turn, owner, made, content)
    raise _error(404, "NOT_FOUND", "no such method")


def _filled(turn: Turn, owner: str, made: dict[str, Any], content: bytes) -> dict[str, Any]:
    lines = sum(1 for line in content.splitlines() if line.strip())
    done = made | {"state": "READY", "exampleCount": str(lines)}
    turn.storage.datasets[done["name"]] = (owner, done, content)
    return done


# ---- deployments -----------------------------------------------------------------------------------------------------
DEPLOYMENT_STATES = {"Creating": "CREATING", "Succeeded": "READY", "Failed": "FAILED"}


def _deployment(turn: Turn, method: str, name: str | None) -> Any:
    """A tuned model in an account of its own; `name` None: one is made."""
    if name is None and method == "POST":
        payload = requests.read_object(turn.exchange.body)
        query = parse_qs(turn.exchange.query.decode("latin-1"))
        return _deploy(turn, f"{ACCOUNT}/deployments/{query.get('deploymentId', [f'd{turn.number}'])[-1]}", payload)
    identity = f"{ACCOUNT}/deployments/{name}"
    known = turn.storage.look(identity, time.time())
    if known is None:
        raise _error(404, "NOT_FOUND", f"{identity} not found")
    if method == "DELETE":
        known.is_deleted = True
        return {}
    return _deployed(known)


def _deploy(turn: Turn, identity: str, payload: dict[str, Any]) -> dict[str, Any]:
    now, model = time.time(), payload.get("baseModel")
    if turn.storage.look(identity, now) is not None:
        raise _error(409, "ALREADY_EXISTS", f"{identity} already exists")
    if model not in turn.storage.tuned:
        raise _error(404, "NOT_FOUND", f"model {model} not found")
    if not str(payload.get("acceleratorType") or "").startswith(("NVIDIA_", "AMD_")):
        raise _error(400, "INVALID_ARGUMENT", f"accelerator {payload.get('acceleratorType')} is not available")
    made = Deployment(identity, str(model), payload, now, now, phase_ms(turn.options))
    turn.storage.deployments[identity] = made
    turn.storage.tuned.add(f"{model}#{identity}")
    return _deployed(made)


def _deployed(one: Deployment) -> dict[str, Any]:
    state = DEPLOYMENT_STATES[one.state]
    failed = {"code": "RESOURCE_EXHAUSTED", "message": "no capacity"} if state == "FAILED" else {"code": "OK"}
    return {**one.sku, "name": one.name, "state": state, "createTime": time_of(one.created), "status": failed}


# ---- jobs ------------------------------------------------------------------------------------------------------------
def _job(turn: Turn, method: str, kind: str, name: str | None, verb: str | None) -> Any:
    if name is None and method == "POST":
        return _create(turn, kind)
    identity = f"{ACCOUNT}/{kind}/{name}"
    owner, run = turn.storage.runs.get(identity, ("", None))
    if run is None or owner != turn.key != "":
        raise _error(404, "NOT_FOUND", f"{identity} not found")
    match method, verb:
        case "GET", None:
            run.look()
            if run.state == "succeeded":
                turn.storage.tuned.add(run.asked["outputModel"])
            return _shown(turn, run)
        case "GET", "metrics":
            return b"\n".join(orjson.dumps({"step": step, **_values(run, step)}) for step in run.shown_steps())
        case "POST", "cancel":
            if not run.cancel():
                raise _error(400, "FAILED_PRECONDITION", f"{identity} is over")
            return {}
    raise _error(404, "NOT_FOUND", "no such method")


def _values(run: Run, step: int) -> dict[str, float]:
    values = run.metrics(step)
    found = {"train_loss": values["train_loss"]}
    return found | ({"eval_loss": values["full_valid_loss"]} if "full_valid_loss" in values else {})


def _create(turn: Turn, kind: str) -> dict[str, Any]:
    payload = requests.read_object(turn.exchange.body)
    query = parse_qs(turn.exchange.query.decode("latin-1"))
    name = query.get("supervisedFineTuningJobId", query.get("dpoJobId", [f"job-{turn.number:016x}"]))[-1]
    identity = f"{ACCOUNT}/{kind}/{name}"
    if identity in turn.storage.runs:
        raise _error(409, "ALREADY_EXISTS", f"{identity} already exists")
    owner, made, content = turn.storage.datasets.get(str(payload.get("dataset")), ("", {}, b""))
    if owner != turn.key or made.get("state") != "READY":
        raise _error(400, "INVALID_ARGUMENT", f"dataset {payload.get('dataset')} is not ready")
    config = payload.get("trainingConfig") or payload
    output = config.get("outputModel") or f"{ACCOUNT}/models/{name}"
    run = begin(
        number=turn.number, base=str(config.get("baseModel")), suffix=str(payload.get("displayName") or ""),
        content=content, has_validation=bool(payload.get("evaluationDataset")), epochs=config.get("epochs", 1),
        batch=config.get("batchSizeSamples"), phase_ms=phase_ms(turn.options), asked={**payload, "outputModel": output},
    )  # fmt: skip
    run.id = identity
    turn.storage.runs[identity] = (turn.key, run)
    return _shown(turn, run)


def _shown(turn: Turn, run: Run) -> dict[str, Any]:
    state = run.state
    is_failed = state == "failed"
    host = turn.exchange.headers.get(b"host", b"").decode("latin-1")
    message = (run.fault or "The trainer ended with an internal error.") if is_failed else ""
    return {
        **run.asked, "name": run.id, "state": STATES[state], "epochs": run.epochs,
        "createTime": time_of(run.created), "completedTime": time_of(run.at(PHASES)) if run.is_over else None,
        "status": {"code": "INVALID_ARGUMENT" if run.fault and is_failed else "INTERNAL" if is_failed else "OK",
                   "message": message},
        "jobProgress": {"percent": min(100, round(100 * run.step / run.steps)), "epoch": run.step // run.per_epoch},
        "metricsFileSignedUrl": f"http://{host}/v1/{run.id}:metrics?{SIGNED}" if run.position >= TRAINING else "",
        "estimatedCost": {"currencyCode": "USD", "units": "0", "nanos": run.trained_tokens * 500},
    }  # fmt: skip
