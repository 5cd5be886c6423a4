"""OpenAI's fine-tuning jobs, and what Azure does differently with the same paths.

Source: https://platform.openai.com/docs/api-reference/fine-tuning and printed answers of real jobs: OpenAI answers
`"error": {}` for good jobs and result files in base64; Azure says `pending`, -1 for `auto`, null for what it leaves
out, and names the billed tokens in an event alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.simulator.calls import ProviderError
from gateway.simulator.catalog import find_model
from gateway.simulator.latency import Pace
from gateway.simulator.options import phase_ms
from gateway.simulator.request_log import Outcome
from gateway.simulator.tuning import PHASES, QUEUED, TRAINING, Run, begin
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import openai_files
from gateway.simulator.wire import openai_requests as requests

JOBS_PATH = b"/v1/fine_tuning/jobs"
METHODS = ("supervised", "dpo", "reinforcement")
STATUSES = {"validating": "validating_files", "odd": "pending_review"}
METRICS = (
    "train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy", "full_valid_loss",
    "full_valid_mean_token_accuracy",
)  # fmt: skip
ORGANIZATION = "acme"
GRADER_PROMPT, GRADER_COMPLETION = 241, 139
"""Tokens of one graded sample, as in the event that OpenAI's guide prints."""
GRADED_HELD_OUT = 10


@dataclass(frozen=True, slots=True)
class Flavour:
    """Whose answers."""

    is_azure: bool = False


def find_endpoint(method: bytes, path: bytes, flavour: Flavour = Flavour()) -> Endpoint | None:
    """The endpoint for `method path`."""
    if path == JOBS_PATH and method == b"POST":
        return _bound(_create, flavour)
    if path == JOBS_PATH and method == b"GET":
        return _bound(_list, flavour)
    if path.startswith(JOBS_PATH + b"/"):
        return _bound(_one, flavour)
    return None


def _bound(endpoint: Any, flavour: Flavour) -> Endpoint:
    async def serve(turn: Turn) -> Outcome:
        body = endpoint(turn, flavour)
        delivery = turn.deliver(Pace())
        await delivery.send_body(orjson.dumps(body), after_s=0)
        return delivery.outcome

    return serve


# ---- jobs ------------------------------------------------------------------------------------------------------------
def _create(turn: Turn, flavour: Flavour) -> dict[str, Any]:
    payload = requests.read_object(turn.exchange.body)
    model = payload.get("model")
    if not isinstance(model, str) or not _is_known(turn, model):
        message = f"Model {model} is not available for fine-tuning or does not exist."
        raise ProviderError(400, message, param="model", code="model_not_available")
    _, content = openai_files.file_of(turn, str(payload.get("training_file")))
    if payload.get("validation_file"):
        openai_files.file_of(turn, str(payload["validation_file"]))
    asked = _hyperparameters(payload)
    run = begin(
        number=turn.number, base=model, suffix=str(payload.get("suffix") or ""), content=content,
        has_validation=bool(payload.get("validation_file")), epochs=asked.get("n_epochs"),
        batch=asked.get("batch_size"), phase_ms=phase_ms(turn.options), asked=payload,
    )  # fmt: skip
    turn.storage.runs[run.id] = (turn.key, run)
    return _job(run, flavour)


def _is_known(turn: Turn, model: str) -> bool:
    """A base, dated or not."""
    any_model = turn.options.any_model
    return any(find_model(name, any_model=any_model) is not None for name in (model, f"ft:{model}"))


def _hyperparameters(payload: dict[str, Any]) -> dict[str, Any]:
    method = payload.get("method")
    if isinstance(method, dict):
        kind = method.get("type")
        if kind not in METHODS:
            raise ProviderError(400, f"Invalid method type: {kind}.", param="method.type", code="invalid_value")
        found = (method.get(kind) or {}).get("hyperparameters")
        return found if isinstance(found, dict) else {}
    found = payload.get("hyperparameters")
    return found if isinstance(found, dict) else {}


def _list(turn: Turn, flavour: Flavour) -> dict[str, Any]:
    query = parse_qs(turn.exchange.query.decode("latin-1"))
    wanted = {name[9:-1]: values[-1] for name, values in query.items() if name.startswith("metadata[")}
    found = [
        _job(run, flavour)
        for owner, run in reversed(turn.storage.runs.values())
        if owner == turn.key and wanted.items() <= (run.asked.get("metadata") or {}).items()
    ]
    return openai_files.page(turn, found)


def _one(turn: Turn, flavour: Flavour) -> dict[str, Any]:
    name, _, verb = turn.exchange.path.removeprefix(JOBS_PATH + b"/").decode("latin-1").partition("/")
    owner, run = turn.storage.runs.get(name, ("", None))
    if run is None or owner != turn.key:
        raise ProviderError(404, f"Could not find fine tune: {name}", param="fine_tune_id", code="fine_tune_not_found")
    match turn.exchange.method, verb:
        case b"GET", "":
            run.look()
            _finish(turn, run, flavour)
            return _job(run, flavour)
        case b"GET", "events":
            return openai_files.page(turn, list(reversed(list(_events(run, flavour)))))
        case b"GET", "checkpoints":
            return openai_files.page(turn, [_checkpoint(run, step, flavour) for step in run.checkpoints()])
        case b"POST", "cancel":
            if not run.cancel():
                raise _state_error(run, "cancel")
            return _job(run, flavour)
        case b"POST", "pause" | "resume" if not flavour.is_azure:
            if run.is_over or run.is_paused != (verb == "resume") or run.position < TRAINING:
                raise _state_error(run, verb)
            run.is_paused = verb == "pause"
            return _job(run, flavour)
    raise ProviderError(404, f"Invalid URL ({turn.exchange.method.decode()} {turn.exchange.path.decode('latin-1')})")


def _state_error(run: Run, verb: str) -> ProviderError:
    message = f"Job {run.id} cannot be {verb}d in its state {run.state}."
    return ProviderError(400, message, code="invalid_state")


def _finish(turn: Turn, run: Run, flavour: Flavour) -> None:
    """The tuned models and the result file of a run that has just succeeded."""
    if run.state != "succeeded" or run.result:
        return
    turn.storage.tuned.update(model_of(run, step, flavour) for step in run.checkpoints())
    data = run.result_csv(azure=flavour.is_azure)
    run.result = str(openai_files.store(turn, data, "step_metrics.csv", "fine-tune-results")["id"])


def model_of(run: Run, step: int, flavour: Flavour) -> str:
    """The name of the model as it was at a step; the last one's is the tuned model's own."""
    short = run.id.removeprefix("ftjob-")[-8:]
    mark = "" if step == run.steps else f":ckpt-step-{step}"
    if flavour.is_azure:
        return f"{run.base}.ft-{short}{f'-{run.suffix}' if run.suffix else ''}{mark}"
    return f"ft:{run.base}:{ORGANIZATION}:{run.suffix}:{short}{mark}"


def _job(run: Run, flavour: Flavour) -> dict[str, Any]:
    state, asked = run.state, run.asked
    is_done = state == "succeeded"
    status = STATUSES.get(state, state)
    if flavour.is_azure and state in ("validating", "queued"):
        status = "pending"
    error: dict[str, Any] = {}
    if state == "failed":
        error = {
            "code": "invalid_training_file" if run.fault else "server_error", "param": "training_file" if run.fault
            else None, "message": run.fault or "The job failed due to an internal error.",
        }  # fmt: skip
    auto: Any = -1 if flavour.is_azure else "auto"
    is_known = run.position >= QUEUED
    used = {
        "n_epochs": run.epochs if is_known else _hyperparameters(asked).get("n_epochs", auto),
        "batch_size": run.batch if is_known else _hyperparameters(asked).get("batch_size", auto),
        "learning_rate_multiplier": _hyperparameters(asked).get("learning_rate_multiplier", auto),
    }
    method = {"type": "supervised", "supervised": {"hyperparameters": used}}
    if isinstance(asked.get("method"), dict):
        method = {"type": asked["method"]["type"], asked["method"]["type"]: {"hyperparameters": used}}
    trained = run.trained_tokens if not flavour.is_azure else int(run.azure_billed * 1.344)
    return {
        "id": run.id,
        "object": "fine_tuning.job",
        "created_at": int(run.created),
        "finished_at": run.at(PHASES) if is_done else None,
        "estimated_finish": run.at(PHASES) if state == "running" else None,
        "model": run.base,
        "fine_tuned_model": model_of(run, run.steps, flavour) if is_done else None,
        "organization_id": None if flavour.is_azure else "org-simulated",
        "result_files": None if flavour.is_azure and not run.result else [run.result] if run.result else [],
        "status": status,
        "validation_file": asked.get("validation_file"),
        "training_file": asked["training_file"],
        "hyperparameters": used,
        "trained_tokens": trained if is_done else None,
        "error": error,
        "user_provided_suffix": run.suffix or None,
        "seed": asked.get("seed", run.number % 2**31),
        "integrations": [],
        "metadata": asked.get("metadata"),
        "method": None if flavour.is_azure else method,
    }


def _events(run: Run, flavour: Flavour) -> Iterator[dict[str, Any]]:
    """What it has told, oldest first."""
    count = 0

    def event(position: float, message: str, level: str = "info", **data: Any) -> dict[str, Any]:
        nonlocal count
        count += 1
        return {
            "object": "fine_tuning.job.event", "id": f"ftevent-{run.number:016x}{count:04x}",
            "created_at": run.at(position), "level": level, "message": message,
            "type": "metrics" if data else "message", "data": data,
        }  # fmt: skip

    yield event(0, f"Created fine-tuning job: {run.id}")
    yield event(0, f"Validating training file: {run.asked['training_file']}")
    if run.fault:
        if run.state == "failed":
            yield event(QUEUED, run.fault, "error")
        return
    if run.position >= QUEUED:
        yield event(QUEUED, "Files validated, moving job to queued state")
    if run.position >= TRAINING:
        yield event(TRAINING, "Fine-tuning job started")
    for step in run.shown_steps():
        values = run.metrics(step)
        message = f"Step {step}/{run.steps}: training loss={values['train_loss']:.2f}"
        data: dict[str, Any] = {name: values[name] for name in METRICS if name in values}
        if usage := _graded(run, step):
            data["model_graders_token_usage"] = usage
        yield event(TRAINING + 3 * step / run.steps, message, step=step, **data)
    if run.state == "succeeded":
        for step in reversed(run.checkpoints()[1:]):
            yield event(PHASES, f"Checkpoint created at step {step}")
        if flavour.is_azure:
            yield event(PHASES, f"Training tokens billed: {run.azure_billed}")
            yield event(PHASES, "Model Evaluation Passed.")
        yield event(PHASES, f"New fine-tuned model created: {model_of(run, run.steps, flavour)}")
        yield event(PHASES, "The job has successfully completed")
    if run.state == "failed":
        yield event(run.position, "The job failed due to an internal error.", "error")
    if run.state == "cancelled":
        yield event(run.position, "The job was cancelled by the user")


def _graded(run: Run, step: int) -> dict[str, dict[str, int]]:
    """Tokens of each model that graded the samples of a step, one an example; held-out ones at the end of an epoch."""
    method = run.asked.get("method")
    if not isinstance(method, dict) or method.get("type") != "reinforcement":
        return {}
    held_out = GRADED_HELD_OUT if run.has_validation and step % run.per_epoch == 0 else 0
    told = {
        f"{part}_{kind}_tokens": tokens * samples
        for part, samples in (("train", run.batch), ("eval", held_out))
        for kind, tokens in (("prompt", GRADER_PROMPT), ("cached", 0), ("completion", GRADER_COMPLETION))
    }
    return {model: dict(told) for model in _graders((method["reinforcement"] or {}).get("grader"))}


def _graders(grader: Any) -> list[str]:
    if not isinstance(grader, dict):
        return []
    if grader.get("type") == "multi":
        return [model for one in (grader.get("graders") or {}).values() for model in _graders(one)]
    grades = grader.get("type") in ("score_model", "label_model") and "model" in grader
    return [str(grader["model"])] if grades else []


def _checkpoint(run: Run, step: int, flavour: Flavour) -> dict[str, Any]:
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": f"ftckpt_{run.number:016x}{step:06x}",
        "created_at": run.at(PHASES),
        "fine_tuned_model_checkpoint": model_of(run, step, flavour),
        "fine_tuning_job_id": run.id,
        "metrics": {"step": step, **run.metrics(step)},
        "step_number": step,
    }
