"""Together's fine-tuning jobs and dedicated endpoints, beside OpenAI's paths; files arrive by the vendor's redirect.

Source: the client library `together` 3.1.1 (`resources/fine_tuning.py`, `types/finetune_response.py`,
`lib/resources/files.py`) and https://docs.together.ai/reference/post-fine-tunes. `POST /v1/files` with the fields
`file_name` and `file_type` but no content answers 302 with a place to put the bytes and `X-Together-File-Id`; prices
are in nano-dollars. Endpoints: https://docs.together.ai/reference/createendpoint and its neighbours.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.simulator.calls import ProviderError
from gateway.simulator.latency import Pace
from gateway.simulator.multipart import read_form
from gateway.simulator.options import phase_ms
from gateway.simulator.request_log import Outcome
from gateway.simulator.storage import Deployment
from gateway.simulator.tuning import FINISHING, PHASES, QUEUED, TRAINING, Run, begin
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import openai_files
from gateway.simulator.wire import openai_requests as requests

JOBS_PATH = b"/v1/fine-tunes"
ENDPOINTS_PATH = b"/v1/endpoints"
HARDWARE = {"1x_nvidia_h100_80gb_sxm": 6.65, "1x_nvidia_h200_140gb_sxm": 9.15}
"""Cents a minute."""
ENDPOINT_STATES = {"Creating": "PENDING", "Succeeded": "STARTED", "Failed": "ERROR"}
PUT_PATH = b"/v1/_put/"
STATUSES = {
    "validating": "pending", "odd": "waiting_for_capacity", "succeeded": "completed", "failed": "error",
}  # fmt: skip
PRICE_PER_TOKEN_NANOS = 480
PROJECT = "acme"
SIGNED = "signature=simulated"
"""Of addresses that need no key."""


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint for `method path`."""
    if path == openai_files.FILES_PATH and method == b"POST":
        return _receive
    if path.startswith(PUT_PATH) and method == b"PUT":
        return _put
    if path.startswith(openai_files.FILES_PATH + b"/") and path.endswith(b"/preprocess") and method == b"POST":
        return _preprocess
    if path == b"/v1/hardware" and method == b"GET":
        return _hardware
    if path == ENDPOINTS_PATH:
        return {b"POST": _start_endpoint, b"GET": _endpoints}.get(method)
    if path.startswith(ENDPOINTS_PATH + b"/"):
        return {b"GET": _endpoint, b"DELETE": _end_endpoint}.get(method)
    if path == JOBS_PATH:
        return {b"POST": _create, b"GET": _list}.get(method)
    return _one if path.startswith(JOBS_PATH + b"/") else None


async def _send(turn: Turn, body: Any) -> Outcome:
    delivery = turn.deliver(Pace())
    await delivery.send_body(orjson.dumps(body), after_s=0)
    return delivery.outcome


# ---- files -----------------------------------------------------------------------------------------------------------
async def _receive(turn: Turn) -> Outcome:
    """OpenAI's upload when the content is there, else the way to a place for it."""
    form = read_form(turn.exchange.headers.get(b"content-type", b""), turn.exchange.body)
    if "file" in form or "file_name" not in form:
        return await openai_files.upload(turn)
    made = openai_files.store(turn, b"", form["file_name"].text, "fine-tune")
    host = turn.exchange.headers.get(b"host", b"127.0.0.1").decode("latin-1")
    headers = [
        (b"location", f"http://{host}/v1/_put/{made['id']}?{SIGNED}".encode()),
        (b"x-together-file-id", str(made["id"]).encode()),
    ]
    turn.record.status = 302
    turn.exchange.respond(302, b"", [*turn.headers, *headers])
    return "completed"


async def _put(turn: Turn) -> Outcome:
    """The bytes; whoever knows the place may put them."""
    name = turn.exchange.path.removeprefix(PUT_PATH).decode("latin-1")
    owner, made, _ = turn.storage.files.get(name, ("", {}, b""))
    if not made:
        raise ProviderError(404, "Not found")
    turn.storage.files[name] = (owner, made | {"bytes": len(turn.exchange.body)}, turn.exchange.body)
    return await _send(turn, {})


async def _preprocess(turn: Turn) -> Outcome:
    name = turn.exchange.path.removeprefix(openai_files.FILES_PATH + b"/").removesuffix(b"/preprocess")
    made, _ = openai_files.file_of(turn, name.decode("latin-1"))
    return await _send(turn, made | {"FileType": "jsonl", "Processed": True})


# ---- endpoints -------------------------------------------------------------------------------------------------------
async def _hardware(turn: Turn) -> Outcome:
    rows = [
        {"object": "hardware", "id": name, "pricing": {"cents_per_minute": cents},
         "availability": {"status": "available"}}
        for name, cents in HARDWARE.items()
    ]  # fmt: skip
    return await _send(turn, {"object": "list", "data": rows})


async def _start_endpoint(turn: Turn) -> Outcome:
    """Its id and name are the vendor's; the same again makes another one."""
    asked = requests.read_object(turn.exchange.body)
    model = asked.get("model")
    if model not in turn.storage.tuned:
        raise ProviderError(404, f"Unable to access model {model}", code="model_not_available")
    if asked.get("hardware") not in HARDWARE or not isinstance(asked.get("autoscaling"), dict):
        raise ProviderError(400, f"hardware {asked.get('hardware')} is not available", code="invalid_request")
    now, identity = time.time(), f"endpoint-{turn.number:032x}"
    turn.storage.deployments[identity] = Deployment(identity, str(model), asked, now, now, phase_ms(turn.options))
    turn.storage.tuned.add(_called(turn.storage.deployments[identity]))
    return await _send(turn, _shown_endpoint(turn.storage.deployments[identity]))


async def _endpoints(turn: Turn) -> Outcome:
    now = time.time()
    known = [turn.storage.look(name, now) for name in list(turn.storage.deployments) if name.startswith("endpoint-")]
    return await _send(turn, {"object": "list", "data": [_shown_endpoint(one) for one in known if one is not None]})


async def _endpoint(turn: Turn) -> Outcome:
    return await _send(turn, _shown_endpoint(_named(turn)))


async def _end_endpoint(turn: Turn) -> Outcome:
    _named(turn).is_deleted = True
    return await _send(turn, {})


def _named(turn: Turn) -> Deployment:
    name = turn.exchange.path.removeprefix(ENDPOINTS_PATH + b"/").decode("latin-1")
    known = turn.storage.look(name, time.time())
    if known is None:
        raise ProviderError(404, f"Endpoint {name} not found", code="not_found")
    return known


def _called(one: Deployment) -> str:
    return f"{one.model}-{one.name[-8:]}"


def _shown_endpoint(one: Deployment) -> dict[str, Any]:
    return {
        "object": "endpoint", "id": one.name, "name": _called(one), "display_name": one.sku.get("display_name"),
        "model": one.model, "hardware": one.sku["hardware"], "type": "dedicated", "owner": PROJECT,
        "state": ENDPOINT_STATES[one.state], "autoscaling": one.sku["autoscaling"], "created_at": time_of(one.created),
    }  # fmt: skip


# ---- jobs ------------------------------------------------------------------------------------------------------------
async def _create(turn: Turn) -> Outcome:
    payload = requests.read_object(turn.exchange.body)
    model = payload.get("model")
    if not isinstance(model, str) or "/" not in model:
        raise ProviderError(400, f"model {model} is not available for fine-tuning", code="model_not_available")
    _, content = openai_files.file_of(turn, str(payload.get("training_file")))
    run = begin(
        number=turn.number, base=model, suffix=str(payload.get("suffix") or ""), content=content,
        has_validation=bool(payload.get("validation_file")), epochs=payload.get("n_epochs", 1),
        batch=payload.get("batch_size"), phase_ms=phase_ms(turn.options), asked=payload, prefix="ft-",
    )  # fmt: skip
    turn.storage.runs[run.id] = (turn.key, run)
    return await _send(turn, _job(run))


async def _list(turn: Turn) -> Outcome:
    found = [_job(run) for owner, run in turn.storage.runs.values() if owner == turn.key and run.id.startswith("ft-")]
    return await _send(turn, {"data": found})


async def _one(turn: Turn) -> Outcome:
    name, _, verb = turn.exchange.path.removeprefix(JOBS_PATH + b"/").decode("latin-1").partition("/")
    owner, run = turn.storage.runs.get(name, ("", None))
    if run is None or owner != turn.key:
        raise ProviderError(404, f"Fine-tune job {name} not found", code="not_found")
    match turn.exchange.method, verb:
        case b"GET", "":
            run.look()
            if run.state == "succeeded":
                turn.storage.tuned.add(model_of(run))
            return await _send(turn, _job(run))
        case b"GET", "events":
            return await _send(turn, {"data": list(_events(run))})
        case b"GET", "metrics":
            return await _send(turn, {"metrics": list(_metrics(run))})
        case b"GET", "checkpoints":
            return await _send(turn, {"data": [_checkpoint(run, step) for step in run.checkpoints()]})
        case b"POST", "cancel":
            if not run.cancel():
                raise ProviderError(400, f"Job {run.id} is over and cannot be cancelled", code="invalid_state")
            return await _send(turn, _job(run))
    raise ProviderError(404, f"Invalid URL ({turn.exchange.method.decode()} {turn.exchange.path.decode('latin-1')})")


def model_of(run: Run) -> str:
    return f"{PROJECT}/{run.base.rpartition('/')[2]}{f'-{run.suffix}' if run.suffix else ''}-{run.id[-8:]}"


def _job(run: Run) -> dict[str, Any]:
    state = run.state
    status = STATUSES.get(state, state)
    if state == "running" and run.position >= FINISHING:
        status = "uploading"
    return {
        **{name: value for name, value in run.asked.items() if name not in ("suffix", "n_epochs")},
        "id": run.id, "status": status, "user_id": "user-simulated", "created_at": time_of(run.created),
        "updated_at": time_of(run.looked),
        "started_at": time_of(run.at(TRAINING)) if run.position >= TRAINING else None,
        "model": run.base, "model_output_name": model_of(run), "n_epochs": run.epochs, "batch_size": run.batch,
        "epochs_completed": run.step // run.per_epoch, "token_count": run.trained_tokens,
        "total_price": run.trained_tokens * PRICE_PER_TOKEN_NANOS, "trainingfile_numlines": run.examples,
        "progress": {"estimate_available": state == "running",
                     "seconds_remaining": max(0, round((PHASES - run.position) * run.phase_ms / 1000))},
    }  # fmt: skip


def _events(run: Run) -> Iterator[dict[str, Any]]:
    def event(position: float, kind: str, message: str, level: str = "info", **more: Any) -> dict[str, Any]:
        return {
            "object": "fine-tune-event", "created_at": time_of(run.at(position)), "type": kind, "message": message,
            "level": level, "hash": "", **more,
        }  # fmt: skip

    yield event(0, "job_pending", "Fine tune request created")
    if run.fault and run.state == "failed":
        yield event(QUEUED, "job_error", run.fault, "error")
        return
    if run.position >= TRAINING:
        yield event(TRAINING, "training_start", f"Training started for model {run.base}", total_steps=run.steps)
    for epoch in range(1, run.step // run.per_epoch + 1):
        at = TRAINING + 3 * epoch / run.epochs
        yield event(at, "epoch_complete", f"Epoch completed, at step {epoch * run.per_epoch}",
                    step=epoch * run.per_epoch)  # fmt: skip
    if run.state == "succeeded":
        yield event(PHASES, "job_complete", "Job finished")
    if run.state == "failed":
        yield event(run.position, "job_error", "Training failed with an internal error", "error")
    if run.state == "cancelled":
        yield event(run.position, "job_stopped", "Job was cancelled")


def _metrics(run: Run) -> Iterator[dict[str, float]]:
    for step in run.shown_steps():
        values = run.metrics(step)
        found = {"train/global_step": float(step), "train/loss": values["train_loss"]}
        if "full_valid_loss" in values:
            found["eval/loss"] = values["full_valid_loss"]
        yield found


def _checkpoint(run: Run, step: int) -> dict[str, Any]:
    kind = "Final" if step == run.steps else f"Intermediate (step {step})"
    return {
        "checkpoint_type": kind, "created_at": time_of(run.at(PHASES)), "path": f"s3://tuned/{run.id}/step-{step}",
        "step": step, "object_name": model_of(run) if step == run.steps else f"{model_of(run)}-step-{step}",
    }  # fmt: skip


def time_of(at: float) -> str:
    """RFC 3339."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
